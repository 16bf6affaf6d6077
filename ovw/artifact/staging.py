"""Write a folder beside its target, then put it in place in one step.

A target is locked while it is written. Whoever holds the lock owns every leftover of that target, so a killed run is
swept by the next one. On Linux the finished folder and the old one trade places in a single `renameat2`; elsewhere the
old folder steps aside first, and the next run steps it back if the process died in between.
"""

from __future__ import annotations

import ctypes
import errno
import glob
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ovw.artifact.lock import locked
from ovw.errors import OvwError, reason
from ovw.files import short_name
from ovw.home import real_path
from ovw.scratch import removed_at_end

AT_FDCWD = -100
RENAME_EXCHANGE = 2
NO_EXCHANGE = (errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP)
"""Error codes of a kernel or a file system that cannot exchange folders."""


@contextmanager
def staged_folder(target: Path) -> Iterator[Path]:
    """A scratch folder that becomes `target` when the block ends well and vanishes when it does not.

    An existing target stays untouched and usable until the moment of the swap.

    Raises:
        OvwError: something cannot be written, by the block or around it, or another process is writing the same target.
    """
    target = real_path(target)  # through links, or the link itself would be swapped away
    with _locked(target):
        sweep(target)
        with removed_at_end(Path(tempfile.mkdtemp(prefix=_prefix(target), dir=target.parent))) as scratch:
            scratch.chmod(0o777 & ~_umask())
            yield scratch
            _sync(scratch)
            _put_in_place(scratch, target)


def sweep(target: Path) -> None:
    """Remove what killed runs left of this target, restoring an old folder that had stepped aside."""
    aside = _aside(target)
    if aside.exists() and not target.exists():
        aside.rename(target)
    for leftover in _leftovers(target):
        shutil.rmtree(leftover, ignore_errors=True)


def clean_up(target: Path) -> None:
    """Sweep a target that will not be written now; does nothing, and needs no lock, when nothing is left over."""
    target = real_path(target)
    if _leftovers(target):
        with _locked(target):
            sweep(target)


def _leftovers(target: Path) -> list[Path]:
    scratch = target.parent.glob(glob.escape(_prefix(target)) + "*")
    return [path for path in (*scratch, _aside(target)) if path.exists()]


def _prefix(target: Path) -> str:
    return f".{short_name(target.name)}.partial-"


def _aside(target: Path) -> Path:
    return target.parent / f".{short_name(target.name)}.ovw-old"


def _umask() -> int:
    value = os.umask(0)
    os.umask(value)
    return value


@contextmanager
def _locked(target: Path) -> Iterator[None]:
    """Hold a lock file beside the target; what was made of its parents for that goes again if they stay empty."""
    parents = [p for p in target.parents if not p.exists()]
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with locked(target.parent / f".{short_name(target.name)}.lock", wait=False):
            yield
    except BlockingIOError:
        raise OvwError(f"another process is writing {target}", "wait for it to end") from None
    except OSError as error:
        raise OvwError(f"cannot write {target}: {reason(error)}", "choose another folder with -o") from error
    finally:
        for parent in parents:
            with suppress(OSError):  # not empty: it is in use by now
                parent.rmdir()


def _sync(folder: Path, *, contents: bool = True) -> None:
    """Flush a folder and what is in it to disk, so that a power cut cannot leave a whole name with half a file."""
    for path in [*(folder.rglob("*") if contents else ()), folder]:
        if path.is_dir() and sys.platform == "win32":
            continue
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _put_in_place(scratch: Path, target: Path) -> None:
    if not target.exists():
        scratch.rename(target)
    elif not _exchange(scratch, target):
        aside = _aside(target)
        target.rename(aside)
        try:
            scratch.rename(target)
        except OSError:
            aside.rename(target)
            raise
        shutil.rmtree(aside, ignore_errors=True)
    _sync(target.parent, contents=False)


def _exchange(a: Path, b: Path) -> bool:
    """Let two folders trade names atomically; False where the system or the file system cannot.

    Raises:
        OSError: it can, but did not.
    """
    if not sys.platform.startswith("linux"):
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "renameat2"):
        return False
    if libc.renameat2(AT_FDCWD, os.fsencode(a), AT_FDCWD, os.fsencode(b), RENAME_EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in NO_EXCHANGE:
        return False
    raise OSError(code, os.strerror(code), str(b))
