"""Files that are whole or not there."""

from __future__ import annotations

import errno
import hashlib
import os
import re
from pathlib import Path
from uuid import uuid4

from ovw.errors import OvwError, reason

LONGEST_BASE = 150
"""Bytes of a name that names made from it may keep, so that what is put around fits into 255."""
ODD = re.compile(r'[<>:"\\|?*\x00-\x1f\x7f]|[. ]$|[\ud800-\udfff]')
"""Characters that some file systems refuse (FAT, NTFS, shares), and bytes that are not text."""


def scratch_beside(target: Path) -> Path:
    """A new name in the target's folder, short whatever the target's is."""
    return target.with_name(f".ovw-{uuid4().hex}.part")


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
    scratch = scratch_beside(target)
    try:
        with scratch.open("wb") as stream:
            stream.write(content.encode() if isinstance(content, str) else content)
            stream.flush()
            os.fsync(stream.fileno())
        scratch.replace(target)
    except OSError as error:
        raise OvwError(f"cannot write {target}: {error.strerror}", "choose another folder with -o") from None
    finally:
        scratch.unlink(missing_ok=True)
