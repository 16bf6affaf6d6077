"""Shared parts of the readers: little-endian fields, and files mapped into memory."""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Reader:
    """A place in a buffer.

    Attributes:
        data: the buffer.
        at: the byte to be read next.
    """

    data: memoryview
    at: int = 0

    def take(self, size: int) -> memoryview:
        """The next `size` bytes.

        Raises:
            ValueError: there are not so many.
        """
        if not 0 <= size <= len(self.data) - self.at:
            raise ValueError(
                f"it is cut off, or not what it seems: byte {self.at} announces {size} of {len(self.data)}"
            )
        self.at += size
        return self.data[self.at - size : self.at]

    def number(self, code: str) -> int:
        """The next integer, `code` as in `struct`."""
        return self.numbers(code, 1)[0]

    def numbers(self, code: str, count: int) -> tuple[int, ...]:
        """The next `count` integers."""
        size = struct.calcsize(f"<{code}") * count
        return tuple(struct.unpack(f"<{max(count, 0)}{code}", self.take(size)))

    @property
    def done(self) -> bool:
        return self.at == len(self.data)


def map_file(path: Path) -> memoryview:
    """The bytes of a file, read from disk when they are used; what is written into them stays in memory.

    Raises:
        ValueError: the file is empty.
    """
    with path.open("rb") as stream:
        return memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_COPY))
