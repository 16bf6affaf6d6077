"""Open binary files of a caller, which need not be at their beginning."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO, cast


def can_seek(file: Any) -> bool:
    """Whether an open file can be read at any place; one that only has `read` cannot."""
    return hasattr(file, "seekable") and bool(file.seekable())


class _FromHere:
    """A file that can seek, as if it began where it stands."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._base = file.tell()
        if hasattr(file, "name"):
            self.name = file.name  # FFmpeg looks at its ending

    def read(self, size: int = -1) -> bytes:
        return self._file.read(size)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._file.seek(offset + self._base if whence == os.SEEK_SET else offset, whence)
        return self.tell()

    def tell(self) -> int:
        return self._file.tell() - self._base


@contextmanager
def from_here(file: BinaryIO) -> Iterator[BinaryIO]:
    """A file that can seek, as if it began where it stands; it is back there afterwards."""
    seen = _FromHere(file)
    try:
        yield cast("BinaryIO", seen)
    finally:
        with suppress(OSError, ValueError):  # closed meanwhile
            seen.seek(0)
