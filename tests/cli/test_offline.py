"""No connection that was not asked for: usage reports are off, and no verb opens a socket of the internet.

All other tests run behind the same guard (`tests/support/socket_guard`); it sees Python's sockets. The slow test looks at the
system calls of a machine without interfaces.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support import no_network
from support.command import ovw
from support.tiny_whisper import DEMO_VIDEO, ROOT

from ovw.convert.plan import Converted
from ovw.engines import standalone

BLOCKED = "import sys; print(sys.modules.get('openvino_telemetry', 'free'))"


def python(code: str, home: Path, **values: str) -> str:
    """What a program prints that may make no socket; its home folder is its own."""
    env = os.environ | {"HOME": str(home), "OVW_TEST_SOCKETS": "none"} | values
    return subprocess.run([sys.executable, "-c", code], env=env, check=True, capture_output=True, text=True).stdout


def test_importing_ovw_turns_usage_reports_off(tmp_path: Path) -> None:
    code = f"import ovw, openvino, nncf; from nncf.telemetry import telemetry; telemetry.send_event('a', 'b', 'c'); {BLOCKED}"
    assert python(code, tmp_path).split() == ["None"]
    assert list(tmp_path.iterdir()) == []


def test_even_after_openvino(tmp_path: Path) -> None:
    code = "import openvino_telemetry as t; a = t.Telemetry('a', '1', 'x', 'ga4', False); print(a.consent); import ovw; print(a.consent); a.init('b', '1', 'x', 'ga4', False); print(a.consent)"
    assert python(code, tmp_path).split() == ["True", "False", "False"]


def test_one_switch_allows_them(tmp_path: Path) -> None:
    assert python(f"import ovw; {BLOCKED}", tmp_path, OVW_TELEMETRY="1").split() == ["free"]
    assert python(f"import ovw; {BLOCKED}", tmp_path, OVW_TELEMETRY="0").split() == ["None"]


@pytest.mark.parametrize(("values", "seen"), [({}, "False"), ({"GRADIO_ANALYTICS_ENABLED": "True"}, "True")])
def test_the_page_leaves_what_the_user_set(
    values: dict[str, str], seen: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GRADIO_ANALYTICS_ENABLED", raising=False)  # set by the import of ovw in this process
    code = """
import os, sys, types
from ovw.ui.config import UiConfig
from ovw.ui.server import opened_page
sys.modules["ovw.ui.page"] = types.SimpleNamespace(CSS="", Page=lambda *_: 1 / 0)
try:
    opened_page(UiConfig(), None).__enter__()
except ZeroDivisionError:
    print(os.environ.get("GRADIO_ANALYTICS_ENABLED"))
"""
    assert python(code, tmp_path, **values).split() == [seen]


@pytest.mark.parametrize(
    ("switch", "seen"),
    [("", "None"), ("0", "None"), ("off", "None"), ("No", "None"), ("on", "free"), (" True", "free")],
)
def test_engines_without_ovw_obey_the_switch(switch: str, seen: str, tmp_path: Path) -> None:
    folder = Path(standalone.__file__).parent
    code = f"import io, runpy, sys; sys.argv[1:] = ['{tmp_path}/r']; sys.stdin = io.StringIO('{{')\ntry: runpy.run_path('{folder}', run_name='__main__')\nexcept ValueError: {BLOCKED}"
    assert python(code, tmp_path, OVW_TELEMETRY=switch).split() == [seen]


def test_the_guard_guards(tmp_path: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        python("import socket; socket.socket(socket.AF_INET)", tmp_path)
    assert "socket.__new__" in no_network.LOG.read_text(encoding="utf-8")
    no_network.LOG.unlink()


def test_convert_and_verify_make_no_socket(tmp_path: Path, tiny_pt: Path) -> None:
    ovw("convert", "--weights", tiny_pt, "--precision", "int8", "--gate", "none", "-o", tmp_path / "a")
    ovw("verify", tmp_path / "a")


@pytest.mark.slow
@pytest.mark.skipif(not (shutil.which("strace") and shutil.which("unshare")), reason="needs strace and unshare")
def test_no_system_call_reaches_out(tmp_path: Path, tiny_pt: Path, tiny: Converted) -> None:
    isolated = ["unshare", "--map-root-user", "--net"]
    if subprocess.run([*isolated, "true"], capture_output=True).returncode:
        pytest.skip("this machine allows no network namespaces")
    options = tmp_path / "eval.yaml"
    options.write_text("temperature: 0\nmax_new_tokens: 4\n", encoding="utf-8")
    few = tmp_path / "bench.yaml"
    few.write_text("stages: [encoder, token]\nrounds: 1\nseconds: 0.5\nbudget: null\n", encoding="utf-8")
    verbs = (
        ("convert", "--size", "base", "--fp16", "--force"),
        ("convert", "--weights", tiny_pt, "--precision", "int8", "--gate", "none", "-o", tmp_path / "int8"),
        ("transcribe", DEMO_VIDEO, "--model", "base-fp16", "-o", tmp_path / "out", "-f", "srt", "-f", "json"),
        ("verify", tiny.folder),
        (
            "eval",
            "bundled",
            "--split",
            "test",
            "--limit",
            "2",
            "-m",
            tiny.folder,
            "-o",
            tmp_path / "run",
            "--config",
            options,
        ),
        ("bench", "-m", tiny.folder, "--config", few, "-o", tmp_path / "b.json"),
        ("models",),
    )
    env = os.environ | {"OVW_HOME": str(tmp_path / "home"), "HOME": str(tmp_path)}
    del env["OVW_TEST_SOCKETS_LOG"]  # the guard would stop what strace is to see
    for number, verb in enumerate(verbs):
        log = tmp_path / f"{number}.strace"
        watched = ["strace", "--seccomp-bpf", "-f", "-qq", "-e", "trace=socket,connect", "-o", str(log)]
        command = [*isolated, *watched, sys.executable, "-m", "ovw", *map(str, verb)]
        done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert "AF_INET" not in log.read_text(encoding="utf-8"), verb
