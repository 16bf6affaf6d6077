"""Text as other programs leave it: UTF-8 with or without a byte-order mark, UTF-16, UTF-32, Windows-1252."""

from __future__ import annotations

import codecs
import errno
import io
import logging
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, AnyStr
from unicodedata import category

from ovw.errors import OvwError

logger = logging.getLogger(__name__)

BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),  # before UTF-16, whose BOM theirs begins with
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
SAMPLE = 4096
"""Bytes in which UTF-16 without a mark shows: every other one is zero."""
CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1f\x7f]")
"""Characters that no text holds, whatever its encoding."""
CHUNK = 1 << 20
LARGEST = 48 << 20
"""Bytes of a file that is read whole: a tokenizer has a few millions. As empty JSON objects they take 1.4 GB."""
WESTERN = "cp1252"
"""Latin-1 as Windows has it, which agrees with it in every printable character."""
BY_CHANCE = 10
"""Bytes that are no UTF-8 to one sequence that looks like it by chance, in a text in Windows-1252."""
NOT_ASCII = bytes(range(128, 256))


LARGEST_TABLE = 1 << 30
"""Bytes of a file that is read line by line: some millions of lines."""
LONGEST_LINE = 1 << 24
TEXT_SUFFIXES = frozenset({".srt", ".vtt", ".ass", ".ssa", ".lrc", ".txt", ".pdf", ".docx", ".md"})


class BrokenUtf8Error(UnicodeDecodeError):
    """A text in UTF-8 with something else in it.

    Args:
        line: in which that is.
    """

    def __init__(self, line: int) -> None:
        super().__init__("utf-8", b"", 0, 0, f"line {line} is not UTF-8, other lines are")

    def __str__(self) -> str:
        return self.reason


def require_file(path: Path, most: int = LARGEST) -> None:
    """Refuse what cannot be read whole: a pipe without a writer never begins, a device or a sparse file never ends.

    Raises:
        OSError: it is no regular file, or larger than `most` bytes.
    """
    found = path.stat()
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "it is a pipe or a device, a file is expected", str(path))
    if found.st_size > most:
        raise OSError(errno.EFBIG, f"it has {found.st_size} bytes, at most {most} are read", str(path))


def escaped(text: str) -> str:
    """A text with what is not UTF-8 in it, as in names of files, written as backslash escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def escaped_values(data: Any) -> Any:
    """Values as JSON has them, every text in them `escaped`, so that they can be written and read back."""
    if isinstance(data, str):
        return escaped(data)
    if isinstance(data, dict):
        return {escaped_values(key): escaped_values(value) for key, value in data.items()}
    return [escaped_values(value) for value in data] if isinstance(data, list) else data


def read_text(path: Path) -> str:
    """A whole text file, every line end as a line feed.

    Raises:
        OSError: it cannot be read, or is more than `require_file` allows.
        UnicodeDecodeError: it is no text, or UTF-8 but for a few bytes.
    """
    require_file(path)
    with path.open(encoding=encoding_of(path)) as stream:
        return stream.read()


def lines_of(stream: IO[AnyStr]) -> Iterator[AnyStr]:
    """The lines of an open file, their ends included.

    Raises:
        OSError: one is longer than `LONGEST_LINE`, as zeros are that fill a file.
    """
    while line := stream.readline(LONGEST_LINE):
        if len(line) == LONGEST_LINE:
            raise OSError(errno.EFBIG, f"it has a line of more than {LONGEST_LINE} characters")
        yield line


def decode_text(data: bytes, name: str) -> str:
    """The text of bytes; `name` is for the log."""
    return io.TextIOWrapper(io.BytesIO(data), encoding=_encoding(io.BytesIO(data), name)).read()


def encoding_of(path: Path) -> str:
    """The encoding of a text file, by its byte-order mark, else by what its bytes can be; raises as `read_text`."""
    require_file(path, LARGEST_TABLE)
    with path.open("rb") as stream:
        return _encoding(stream, str(path))


def _encoding(stream: IO[bytes], name: str) -> str:
    head = stream.read(SAMPLE)
    if marked := next((encoding for bom, encoding in BOMS if head.startswith(bom)), None):
        return marked
    if wide := _unmarked_wide(head):
        return wide
    try:
        decoder = codecs.getincrementaldecoder("utf-8")()
        chunk = head
        while chunk:
            decoder.decode(chunk)
            chunk = stream.read(CHUNK)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        stream.seek(0)
        while chunk := stream.read(CHUNK):
            if CONTROLS.search(chunk):
                raise
        _require_no_utf8(stream)
        stream.seek(0)
        while chunk := stream.read(CHUNK):
            chunk.decode(WESTERN)
        logger.warning("%s: is not UTF-8, read as Windows-1252", name)
        return WESTERN
    return "utf-8"


def _require_no_utf8(stream: IO[bytes]) -> None:
    """Refuse a text that is UTF-8 but for a few bytes: in another encoding every letter beyond ASCII would be wrong."""
    sequences = broken = first = 0
    stream.seek(0)
    for number, line in enumerate(lines_of(stream), 1):
        if line.isascii():
            continue
        valid = line.decode("utf-8", "ignore")
        sequences += len(valid) - len(line.translate(None, NOT_ASCII))
        bad = line.decode("utf-8", "replace").count("\ufffd") - valid.count("\ufffd")
        broken += bad
        first = first or (number if bad else 0)
    if BY_CHANCE * sequences >= broken and sequences:
        raise BrokenUtf8Error(first)


def _unmarked_wide(head: bytes) -> str | None:
    """UTF-16 without a mark: of each pair of bytes one is zero in Latin text, and below 32 in most other alphabets."""
    if len(head) < 4 or len(head) % 2:
        return None
    halves = (("utf-16-le", head[1::2]), ("utf-16-be", head[::2]))
    for encoding, high in halves:
        if high.count(0) > 0.4 * len(high) and head.count(0) < 0.6 * len(head):
            return encoding
    for encoding, high in halves:
        if CONTROLS.search(high) and sum(byte < 32 for byte in high) > 0.8 * len(high):
            text = head.decode(encoding, "ignore")
            return encoding if not any(map(_is_no_text, text)) else None
    return None


def _is_no_text(character: str) -> bool:
    return category(character) in {"Cc", "Cn", "Co"} and not character.isspace()


def is_text_file(path: Path) -> bool:
    """Whether a file is one of text, by its name and how it begins: sound may have any name.

    Pipes and devices are not opened: what is read from them is gone, and a pipe without a writer waits for one.
    """
    try:
        if path.suffix.lower() not in TEXT_SUFFIXES or not path.is_file():
            return False
        with path.open("rb") as stream:
            head = stream.read(512)
    except (OSError, ValueError):
        return False
    return b"\0" not in head and "\ufffd" not in head[:-4].decode("utf-8", "replace")  # a character may be cut off


def refuse_text(path: Path) -> None:
    """Refuse a file of text by name, before it is tried as media.

    Raises:
        OvwError: it is one.
    """
    if is_text_file(path):
        raise OvwError(f"{path} is a file of text, there is no audio in it", "ovw align times a text that is known")
