"""Whether a media file is cut off, by its own header or its pages.

Of these containers FFmpeg reads as much as there is without a word: RIFF (WAV, AVI), RF64 and BW64 (EBU Tech 3306),
Sony Wave64, Apple CAF, Sun AU and Ogg (RFC 3533).
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from ovw.audio.ogg import MAGIC, find_loss
from ovw.audio.open_files import can_seek, from_here
from ovw.audio.reading import Source

UNKNOWN_SLACK = 4096
"""Writers to a pipe put the largest number, or one a little below, where the size belongs that they do not know."""
MAX_CHUNKS = 10_000


def missing_end(source: Source) -> str:
    """The sign that a file's end is missing; empty when there is none, or it cannot be known.

    Args:
        source: a file, or an open one that begins where it stands; a pipe has been read to its end already.
    """
    try:
        if not (source.is_file() if isinstance(source, Path) else can_seek(source)):
            return ""
        with source.open("rb") if isinstance(source, Path) else from_here(source) as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(0)
            magic = stream.read(16)
            check = next((check for start, check in CHECKS.items() if magic.startswith(start)), None)
            return check(stream, size) if check else ""
    except (OSError, ValueError, struct.error):  # ends within a header, which decoding has reported
        return ""


def _compare(announced: int, size: int) -> str:
    if announced <= size:
        return ""
    return f"cut off: its header announces {announced} bytes, {size} are there"


def _is_known(size: int, bits: int) -> bool:
    largest = (1 << bits) - 1
    return size > 0 and not any(0 <= top - size <= UNKNOWN_SLACK for top in (largest, largest >> 1))


def _riff(stream: BinaryIO, size: int) -> str:
    stream.seek(8)
    if stream.read(4) != b"AVI ":
        return _wave(stream, size)
    at = 0
    for _ in range(MAX_CHUNKS):  # a large AVI is a row of RIFF chunks
        stream.seek(at)
        head = stream.read(8)
        if len(head) < 8 or head[:4] != b"RIFF":
            return ""
        length = int.from_bytes(head[4:], "little")
        if not _is_known(length, 32):
            return ""
        at += 8 + length + length % 2
        if at - length % 2 > size:
            return _compare(at, size)
    return ""


def _wave(stream: BinaryIO, size: int) -> str:
    at, long_size = 12, None
    for _ in range(MAX_CHUNKS):
        stream.seek(at)
        kind, length = struct.unpack("<4sI", stream.read(8))
        if kind == b"ds64":
            _, long_size = struct.unpack("<QQ", stream.read(16))
        if kind == b"data":
            if length == 0xFFFFFFFF and long_size is not None:
                return _compare(at + 8 + long_size, size) if _is_known(long_size, 64) else ""
            return _compare(at + 8 + length, size) if _is_known(length, 32) else ""
        at += 8 + length + length % 2
    return ""


def _wave64(stream: BinaryIO, size: int) -> str:
    stream.seek(16)
    (length,) = struct.unpack("<Q", stream.read(8))
    return _compare(length, size) if _is_known(length, 64) else ""


def _caf(stream: BinaryIO, size: int) -> str:
    at = 8
    for _ in range(MAX_CHUNKS):
        stream.seek(at)
        kind, length = struct.unpack(">4sQ", stream.read(12))
        if kind == b"data":
            return _compare(at + 12 + length, size) if _is_known(length, 64) else ""
        at += 12 + length
    return ""


def _au(stream: BinaryIO, size: int) -> str:
    stream.seek(4)
    start, length = struct.unpack(">II", stream.read(8))
    return _compare(start + length, size) if _is_known(length, 32) else ""


CHECKS: dict[bytes, Callable[[BinaryIO, int], str]] = {
    b"RIFF": _riff,
    b"RF64": _wave,
    b"BW64": _wave,
    b"riff\x2e\x91\xcf\x11": _wave64,
    b"caff": _caf,
    b".snd": _au,
    MAGIC: lambda stream, size: find_loss(stream),
}
"""First bytes of a file -> what looks for its end."""
