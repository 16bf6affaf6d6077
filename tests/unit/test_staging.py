"""Artifacts are put in place whole or not at all."""

import subprocess
import sys
from pathlib import Path

import pytest

from ovw.artifact import staging
from ovw.artifact.staging import staged_folder, sweep
from ovw.errors import OvwError


def fill(target: Path, text: str) -> None:
    with staged_folder(target) as folder:
        (folder / "file").write_text(text)
        (folder / "sub").mkdir()
        (folder / "sub" / "other").write_text(text)


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


@pytest.mark.parametrize("atomic", [True, False])
def test_new_and_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, atomic: bool) -> None:
    if not atomic:
        monkeypatch.setattr(staging, "_exchange", lambda a, b: False)
    target = tmp_path / "deep" / "artifact"
    fill(target, "one")
    assert (target / "file").read_text() == "one"
    fill(target, "two")
    assert (target / "sub" / "other").read_text() == "two"
    assert names(target.parent) == ["artifact"]


def test_failure_leaves_the_old_one(tmp_path: Path) -> None:
    target = tmp_path / "artifact"
    fill(target, "one")
    with pytest.raises(RuntimeError), staged_folder(target) as folder:
        (folder / "file").write_text("half")
        raise RuntimeError
    assert (target / "file").read_text() == "one"
    assert names(tmp_path) == ["artifact"]


def test_failure_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), staged_folder(tmp_path / "artifact"):
        raise RuntimeError
    assert names(tmp_path) == []


KILLED = """
import os, signal, sys
from pathlib import Path
from ovw.artifact import staging
if sys.argv[2] == "aside":
    staging._exchange = lambda a, b: False
    whole = Path.rename
    def rename(self, to):
        if ".partial-" in self.name: os.kill(os.getpid(), signal.SIGKILL)
        return whole(self, to)
    Path.rename = rename
if sys.argv[2] == "swapped":
    staging.shutil.rmtree = lambda *args, **kwargs: os.kill(os.getpid(), signal.SIGKILL)
    staging.sweep = lambda target: None
with staging.staged_folder(Path(sys.argv[1])) as folder:
    (folder / "file").write_text("new")
    if sys.argv[2] == "writing": os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("moment", ["writing", "aside", "swapped"])
def test_killed_run_is_swept_by_the_next(tmp_path: Path, moment: str) -> None:
    target = tmp_path / "artifact"
    fill(target, "old")
    subprocess.run([sys.executable, "-c", KILLED, str(target), moment], check=False)
    assert len(names(tmp_path)) > 1, "the test did not leave anything behind"
    sweep(target)
    assert (target / "file").read_text() == ("new" if moment == "swapped" else "old")
    fill(target, "new")
    assert names(tmp_path) == ["artifact"]
    assert (target / "file").read_text() == "new"


def test_names_are_no_patterns_and_links_are_followed(tmp_path: Path) -> None:
    (tmp_path / ".abc.partial-xyz").mkdir()
    (tmp_path / ".a*.old").mkdir()
    fill(tmp_path / "a*", "one")
    assert names(tmp_path) == [".a*.old", ".abc.partial-xyz", "a*"]
    (tmp_path / "link").symlink_to(tmp_path / "a*")
    fill(tmp_path / "link", "two")
    assert (tmp_path / "a*" / "file").read_text() == "two"
    assert (tmp_path / "link").is_symlink()


def test_two_writers(tmp_path: Path) -> None:
    target = tmp_path / "artifact"
    with staged_folder(target) as folder:
        (folder / "file").write_text("mine")
        with pytest.raises(OvwError, match="another process is writing"):
            fill(target, "theirs")
    assert (target / "file").read_text() == "mine"
    assert names(tmp_path) == ["artifact"]


def test_unwritable_parent(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OvwError, match="cannot write"):
        fill(tmp_path / "file" / "artifact", "x")
