"""Temporary folders, which go with the block that made them and with the process, however that ends.

A process that is killed outright leaves its folders, and the next one that makes such a folder sweeps them.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ovw.files import hold, is_abandoned

PREFIX = "ovw-scratch-"
LOCK = ".lock"
_open: set[Path] = set()


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """An empty temporary folder for this block; what processes left that were killed is removed first."""
    sweep_scratch()
    with removed_at_end(Path(tempfile.mkdtemp(prefix=PREFIX))) as folder:
        lock = hold(folder / LOCK)
        inside = folder / "files"
        inside.mkdir()
        try:
            yield inside
        finally:
            if lock is not None:
                os.close(lock)


@contextmanager
def removed_at_end(folder: Path) -> Iterator[Path]:
    """Remove a folder behind this block, or when a signal ends the process within it."""
    _open.add(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        _open.discard(folder)


@contextmanager
def foreign_scratch() -> Iterator[None]:
    """Have the temporary files that a library makes in this block in a scratch folder, for the case of a kill."""
    with scratch_folder() as folder:
        before, tempfile.tempdir = tempfile.tempdir, str(folder)
        try:
            yield
        finally:
            tempfile.tempdir = before


def sweep_scratch() -> None:
    """Remove scratch folders of this user that no living process holds."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError):  # another process was quicker
            if not folder.is_symlink() and _is_ours(folder) and is_abandoned(folder / LOCK, folder):
                shutil.rmtree(folder, ignore_errors=True)


def _is_ours(folder: Path) -> bool:
    return sys.platform == "win32" or folder.stat().st_uid == os.getuid()


def remove_scratch() -> None:
    """Remove every folder that is in use, for a process that ends now."""
    for folder in list(_open):
        shutil.rmtree(folder, ignore_errors=True)
