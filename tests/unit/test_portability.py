"""What only some systems have is guarded, and no text depends on a system's own encoding."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.modules import ROOT, modules, nodes_of, text_of

from ovw import lifetime, scratch

POSIX_ONLY = {
    "fcntl", "resource", "pwd", "grp", "termios", "killpg", "getpgid", "setsid", "fork", "getuid", "geteuid", "sched_getaffinity", "getloadavg", "umask",
    "set_wakeup_fd", "SIGKILL", "SIGHUP", "SIGUSR1", "statvfs", "O_DIRECTORY", "posix_fadvise", "madvise", "chown", "mkfifo", "setrlimit",
}  # fmt: skip
EVERYWHERE = {"umask"}
"""Of these, what Windows has too, if with another meaning."""
TEXT_CALLS = {"read_text", "write_text"}


def names_of(name: str) -> set[str]:
    attributes = {node.attr for node in nodes_of(name) if isinstance(node, ast.Attribute)}
    imports = {alias.name for node in nodes_of(name) if isinstance(node, ast.Import) for alias in node.names}
    return attributes | imports


def test_what_only_posix_has_is_guarded() -> None:
    for name in modules():
        used, text = (names_of(name) & POSIX_ONLY) - EVERYWHERE, text_of(name)
        guarded = "sys.platform" in text or "hasattr(" in text
        assert not used or guarded, f"{name}: {used}: compare sys.platform, or ask hasattr"


def test_texts_have_an_encoding() -> None:
    calls = [(name, node) for name in modules() for node in nodes_of(name) if isinstance(node, ast.Call)]
    for name, node in calls:
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        modes = [arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
        opens = called == "open" and not any("b" in mode for mode in modes) and isinstance(node.func, ast.Attribute)
        opens = opens and not {"av", "tarfile", "gzip", "os", "self"} & {
            n.id for n in ast.walk(node.func) if isinstance(n, ast.Name)
        }
        if (called in TEXT_CALLS and isinstance(node.func, ast.Attribute)) or (
            opens and len(node.args) <= 1 and not node.keywords and modes and set(modes[0]) <= set("rwax+t")
        ):
            given = [keyword.arg for keyword in node.keywords]
            assert "encoding" in given, f"{name}:{node.lineno} leaves the encoding to the system"


@pytest.mark.parametrize("platform", ["win32", "darwin"])
def test_processes_end_elsewhere_too(platform: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(lifetime.sys, "platform", platform)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    started = []
    monkeypatch.setattr(lifetime.threading.Thread, "start", lambda thread: started.append(thread))
    lifetime.end_with_parent(os.getppid())
    assert len(started) == (platform == "darwin")
    (tmp_path / f"{scratch.PREFIX}young").mkdir()
    with scratch.scratch_folder() as folder:
        assert folder.is_dir()
        assert (tmp_path / f"{scratch.PREFIX}young").is_dir()  # no lock in it: its age decides
    assert not folder.exists()


def test_the_bill_of_materials_names_what_runs() -> None:
    script = ROOT / "scripts" / "sbom.py"
    bill = json.loads(subprocess.run([sys.executable, script], check=True, capture_output=True, text=True).stdout)
    names = {part["name"] for part in bill["components"]}
    assert {"openvino", "numpy", "tokenizers", "av", "pydantic", "torch", "nncf"} <= names
    references = {part["bom-ref"] for part in bill["components"]} | {bill["metadata"]["component"]["bom-ref"]}
    assert all(set(edge["dependsOn"]) <= references for edge in bill["dependencies"])
    table = subprocess.run([sys.executable, script, "--licences"], check=True, capture_output=True, text=True).stdout
    assert not [line for line in table.splitlines() if line.endswith("unknown")]
