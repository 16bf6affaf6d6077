"""Artifacts are put in place whole or not at all."""

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from ovw.artifact import staging
from ovw.artifact.lock import locked
from ovw.artifact.staging import staged_folder, sweep
from ovw.errors import OvwError


def fill(target: Path, text: str) -> None:
    with staged_folder(target) as folder:
        (folder / "file").write_text(text)
        (folder / "sub").mkdir()
        (folder / "sub" / "other").write_text(text)


def test_links_in_a_circle_are_refused(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(OvwError, match="cannot write"):
        fill(tmp_path / "loop", "one")


def without_exchange(*args: object, **kwargs: object) -> object:
    """A C library that has no `renameat2`."""
    return object()


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


@pytest.mark.parametrize("atomic", [True, False])
def test_new_and_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, atomic: bool) -> None:
    if not atomic:
        monkeypatch.setattr("ctypes.CDLL", without_exchange)
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
    staging.ctypes.CDLL = lambda *args, **kwargs: None
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


@pytest.mark.skipif(sys.platform == "win32", reason="an open file keeps its name")
@pytest.mark.parametrize("taken", [False, True])
def test_a_lock_on_a_removed_file_guards_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taken: bool) -> None:
    """The holder ends between another's opening of the file and its lock, and a third may have made a new file."""
    import fcntl

    path, flock = tmp_path / ".lock", fcntl.flock

    def late(file: int, operation: int) -> None:
        monkeypatch.undo()
        path.unlink()
        if taken:
            path.touch()
        flock(file, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    with locked(path, wait=False), pytest.raises(BlockingIOError), locked(path, wait=False):
        pass
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    "call",
    [
        "mkdtemp",
        "fsync",
        "rename",
        pytest.param(
            "exchange", marks=pytest.mark.skipif(not sys.platform.startswith("linux"), reason="renameat2 is Linux's")
        ),
    ],
)
def test_a_full_disk_ends_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    target = tmp_path / "artifact"
    if call == "exchange":
        fill(target, "old")

    def full(*args: object, **kwargs: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    places = {"mkdtemp": (staging.tempfile, "mkdtemp"), "fsync": (staging.os, "fsync"), "rename": (Path, "rename")}
    monkeypatch.setattr(*places.get(call, (staging.ctypes, "CDLL")), full)
    with pytest.raises(OvwError, match=r"cannot write .*artifact: No space left on device"):
        fill(target, "new")
    assert names(tmp_path) == (["artifact"] if call == "exchange" else [])
    if call == "exchange":
        assert (target / "file").read_text() == "old"


def test_a_full_disk_in_the_block(tmp_path: Path) -> None:
    with pytest.raises(OvwError, match="No space left on device"), staged_folder(tmp_path / "artifact"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert names(tmp_path) == []


def test_a_swap_that_fails_half_way_is_undone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "artifact"
    fill(target, "old")
    whole = Path.rename

    def rename(self: Path, to: Path) -> Path:
        if ".partial-" in self.name:
            raise OSError(errno.EIO, "Input/output error")
        return whole(self, to)

    monkeypatch.setattr("ctypes.CDLL", without_exchange)
    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(OvwError, match="Input/output error"):
        fill(target, "new")
    assert (target / "file").read_text() == "old"
    assert names(tmp_path) == ["artifact"]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="renameat2 is Linux's")
@pytest.mark.parametrize("code", [errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EACCES, errno.ENOSPC])
def test_only_what_cannot_exchange_falls_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    class Libc:
        def __init__(self, *args: object, **kwargs: object) -> None: ...

        def renameat2(self, *args: object) -> int:
            staging.ctypes.set_errno(code)
            return -1

    target = tmp_path / "artifact"
    fill(target, "old")
    monkeypatch.setattr(staging.ctypes, "CDLL", Libc)
    if code in (errno.EACCES, errno.ENOSPC):
        with pytest.raises(OvwError, match="cannot write"):
            fill(target, "new")
        assert (target / "file").read_text() == "old"
    else:
        fill(target, "new")
        assert (target / "file").read_text() == "new"
    assert names(tmp_path) == ["artifact"]


def test_parents_go_with_what_they_were_made_for(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), staged_folder(tmp_path / "a" / "b" / "artifact"):
        raise RuntimeError
    assert names(tmp_path) == []
    (tmp_path / "a").mkdir()
    with pytest.raises(RuntimeError), staged_folder(tmp_path / "a" / "b" / "artifact"):
        raise RuntimeError
    assert names(tmp_path) == ["a"]


def test_unwritable_parent(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OvwError, match="cannot write"):
        fill(tmp_path / "file" / "artifact", "x")
