"""Files that are whole or not there; half a file that a killed process left goes with the next one in its folder."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from ovw.errors import OvwError, reason
from ovw.text_files import escaped

if sys.platform != "win32":
    import fcntl

LONGEST_BASE = 150
"""Bytes of a name that names made from it may keep, so that what is put around fits into 255."""
ODD = re.compile(r'[<>:"\\|?*\x00-\x1f\x7f]|[. ]$|[\ud800-\udfff]')
"""Characters that some file systems refuse (FAT, NTFS, shares), and bytes that are not text."""

SCRATCH = ".ovw-*.part"
STRAY_S = 86400.0
"""Age at which a file without a lock is one whose maker was killed before it could lock it."""
_swept: set[Path] = set()


@contextmanager
def scratch_beside(target: Path) -> Iterator[Path]:
    """An empty file in the target's folder for this block, its name short whatever the target's is.

    Raises:
        OSError: it cannot be made.
    """
    sweep_halves(target.parent)
    scratch = target.with_name(SCRATCH.replace("*", uuid4().hex))
    lock = hold(scratch)
    try:
        yield scratch
    finally:
        if lock is not None:
            os.close(lock)
        scratch.unlink(missing_ok=True)


def hold(path: Path) -> int | None:
    """Make a file and lock it until this process ends; it gets its name once it is locked.

    Returns:
        Its descriptor, to be closed; `None` on Windows, where an open file could not be renamed.

    Raises:
        OSError: it cannot be made.
    """
    if sys.platform == "win32":
        path.touch()
        return None
    fresh = path.with_name(f"{path.name}.new")
    lock = os.open(fresh, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(lock, fcntl.LOCK_EX)
        fresh.rename(path)
    except BaseException:
        os.close(lock)
        fresh.unlink(missing_ok=True)
        raise
    return lock


def is_abandoned(path: Path, maker: Path) -> bool:
    """Whether nobody holds a file any more. Where there are no such locks, or no such file, an age decides.

    Args:
        path: that is held.
        maker: what has the age.

    Raises:
        OSError: it is gone, or cannot be read.
    """
    if sys.platform == "win32" or not path.exists():
        return time.time() - maker.stat().st_mtime > STRAY_S
    lock = os.open(path, os.O_RDWR)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(lock)
    return True


def sweep_halves(folder: Path) -> None:
    """Remove what killed processes have left half written in a folder; this process looks once."""
    if folder in _swept:
        return
    _swept.add(folder)
    for left in folder.glob(f"{SCRATCH}*"):
        with suppress(OSError):  # of another user, or another process was quicker
            if is_abandoned(left.with_suffix(".part"), left):
                left.unlink()


def short_name(name: str) -> str:
    """A name that others can be made of: itself, or its beginning and a hash where it is long."""
    encoded = os.fsencode(name)
    if len(encoded) <= LONGEST_BASE:
        return name
    return encoded[:LONGEST_BASE].decode("utf-8", "ignore") + "~" + hashlib.sha256(encoded).hexdigest()[:16]


def name_problem(path: Path) -> str:
    """Why no file or folder can be made under this name; empty where one can, or is there already."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return _refused(path) if ODD.search(path.name) and path.parent.is_dir() else ""
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
            name, whole = max(len(os.fsencode(part)) for part in path.parts), len(os.fsencode(path.absolute()))
            return f"the name is too long: {name} bytes, its path {whole}, file systems take 255 and 4095"
        return reason(error)
    return ""


def _refused(path: Path) -> str:
    """Try the unusual characters of a name on its file system."""
    odd = "".join(ODD.findall(path.name))
    scratch = path.with_name(f".ovw-{uuid4().hex}{odd}")
    try:
        scratch.touch()
        scratch.unlink()
    except (OSError, ValueError) as error:
        return f"the file system refuses its characters {odd!r}: {reason(error)}"
    return ""


def write_whole(target: Path, content: str | bytes) -> None:
    """Write a file, text as UTF-8, in one step: readers see the old one or the new one, never half, power cut or not.

    Raises:
        OvwError: the disk refuses.
    """
    try:
        with scratch_beside(target) as scratch:
            with scratch.open("wb") as stream:
                stream.write(escaped(content).encode() if isinstance(content, str) else content)
                stream.flush()
                os.fsync(stream.fileno())
            scratch.replace(target)
    except OSError as error:
        raise OvwError(f"cannot write {target}: {error.strerror}", "choose another folder with -o") from None
