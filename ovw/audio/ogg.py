"""Ogg pages (RFC 3533): whether they are all there, whole and in order; FFmpeg drops a damaged one without a word."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

MAGIC = b"OggS"
HEADER = struct.Struct("<4xBBqIIIB")
"""Behind the magic: version, flags, position, serial number, page number, checksum, segments."""
CHECKSUM = slice(22, 26)
FIRST, LAST = 2, 4
BLOCK = 1 << 16
MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


class OggPage(NamedTuple):
    """A whole page: its flags, the stream that it belongs to, and its number there."""

    flags: int
    serial: int
    number: int


def find_loss(stream: BinaryIO) -> str:
    """The loss in an Ogg file, in words; empty when there is none.

    Args:
        stream: can seek; it is left at an arbitrary place.
    """
    expected: dict[int, int] = {}
    pages = lost = flags = 0
    for page in _whole_pages(stream):
        if not page.flags & FIRST:
            lost += max(0, page.number - expected.get(page.serial, page.number))
        expected[page.serial] = page.number + 1
        pages, flags = pages + 1, page.flags
    found = [f"{lost} of {pages + lost} pages are missing or damaged, and their sound with them"] if lost else []
    if not flags & LAST:
        found.append("it has no last page, as if cut off")
    return "; ".join(found)


def _whole_pages(stream: BinaryIO) -> Iterator[OggPage]:
    """The pages whose checksum is right; behind another the next one is looked for."""
    at = 0
    while (at := _next_page(stream, at)) >= 0:
        stream.seek(at)
        head = stream.read(HEADER.size)
        if len(head) < HEADER.size:
            return
        _, flags, _, serial, number, checksum, segments = HEADER.unpack(head)
        table = stream.read(segments)
        body = stream.read(sum(table))
        if _checksum(head[: CHECKSUM.start] + bytes(4) + head[CHECKSUM.stop :] + table + body) == checksum:
            yield OggPage(flags, serial, number)
            at += HEADER.size + len(table) + len(body)
        else:
            at += len(MAGIC)


def _next_page(stream: BinaryIO, at: int) -> int:
    """The place of the next magic from some place on; -1 where there is none."""
    stream.seek(at)
    while block := stream.read(BLOCK):
        if (found := block.find(MAGIC)) >= 0:
            return at + found
        if len(block) < len(MAGIC):
            return -1
        at += len(block) - len(MAGIC) + 1  # one may begin in the last bytes
        stream.seek(at)
    return -1


def _checksum(page: bytes) -> int:
    """Ogg's CRC-32: zlib's with all bits the other way round, and nothing inverted."""
    mirrored = ~zlib.crc32(page.translate(MIRRORED), 0xFFFFFFFF) & 0xFFFFFFFF
    return int(f"{mirrored:032b}"[::-1], 2)
