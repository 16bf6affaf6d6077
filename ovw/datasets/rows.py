"""Rows of a table that holds media files: the audio of one, whatever form it has."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np

from ovw.errors import OvwError, UsageError, quoted

if TYPE_CHECKING:
    import pyarrow as pa

NO_AUDIO = "no audio in this row"
FLOAT_SAMPLES = 3
"""Of a WAV file's format."""
TEXT_TYPES = {"string", "large_string", "string_view"}
"""Of columns of text, by their names: PyArrow 15 has no functions that know views."""
MEDIA_TYPES = {"binary", "large_binary", "binary_view", "null"}
"""Of columns that hold media files, or nothing."""
FULL_SCALES = {"int16": 2.0**15, "int32": 2.0**31}
"""Of PCM, by its type in Arrow; in other integers samples may have any width."""


class RowNames:
    """Ids of rows that have none of their own, after their audio: each once, and equal on every reading.

    A clip goes by its path without the ending. Of an absolute path or an address that is the file's name, where no
    other row has it. Where the whole path was there before, the number of the row is behind it.

    Args:
        files_only: take the file's name of relative paths too.
    """

    def __init__(self, *, files_only: bool = False) -> None:
        self._files_only = files_only
        self._given: set[str] = set()

    def __call__(self, path: str | None, number: int) -> str:
        """The id of a row.

        Args:
            path: of its audio, where it has one.
            number: of the row.
        """
        file = PurePosixPath(path or f"row-{number:07}")
        whole = (file.with_suffix("") if file.name else file).as_posix()
        is_short = self._files_only or file.is_absolute() or "://" in str(path)
        known = [file.stem, whole] if is_short else [whole]
        name = next((one for one in known if one not in self._given), known[0])
        while name in self._given:
            name += f"-{number}"
        self._given.add(name)
        return name


def require_audio(kind: pa.DataType, column: str, where: str) -> None:
    """Refuse a column that cannot hold audio.

    Args:
        kind: of the column.
        column: its name.
        where: the table is, for the message.

    Raises:
        UsageError: it holds neither media files, nor their paths, nor samples with their rate.
    """
    import pyarrow.types as types

    fields = {kind.field(i).name for i in range(kind.num_fields)} if types.is_struct(kind) else set()
    simple = is_text(kind) or str(kind) in MEDIA_TYPES
    if fields & {"bytes", "path"} or fields >= {"array", "sampling_rate"} or simple:
        return
    raise UsageError(
        f"{where}: the column {column} is {kind}, no audio",
        "audio is a media file, its path, or {array, sampling_rate}; cast it to Audio, as datasets calls it",
    )


def is_text(kind: pa.DataType) -> bool:
    """Whether a column holds text: short or long, in views, or encoded by a dictionary as categories of pandas are."""
    import pyarrow.types as types

    plain = kind.value_type if types.is_dictionary(kind) else kind
    return str(plain) in TEXT_TYPES


def full_scale(kind: pa.DataType, column: str, where: str) -> float:
    """Full scale of the samples in a column of audio; 1 of floats, and where it holds no samples.

    Args:
        kind: of the column.
        column: its name.
        where: the table is, for the message.

    Raises:
        UsageError: they are integers of another type than PCM has.
    """
    import pyarrow.types as types

    if not types.is_struct(kind) or kind.get_field_index("array") < 0:
        return 1.0
    sample = kind.field("array").type
    while hasattr(sample, "value_type"):
        sample = sample.value_type
    if types.is_integer(sample) and str(sample) not in FULL_SCALES:
        raise UsageError(
            f"{where}: the samples of the column {column} are {sample}, whose full scale is not known",
            f"cast them to {', '.join(FULL_SCALES)}, or to float32 within -1 and 1",
        )
    return FULL_SCALES.get(str(sample), 1.0)


def media_of(cell: Any, where: str, scale: float = 1.0) -> tuple[str, bytes | None]:
    """The path that a cell has for its audio, and the media file itself, where the cell holds it; both may be empty.

    Args:
        cell: of the column of audio.
        where: it is, for the message.
        scale: full scale of samples, see `full_scale`.

    Raises:
        OvwError: it is neither, nor samples with their rate.
    """
    if cell is None or isinstance(cell, str):
        return cell or "", None
    if isinstance(cell, bytes):
        return "", cell
    if not isinstance(cell, Mapping):
        raise OvwError(f"{where}: the audio is {quoted(cell)}")
    path = str(cell.get("path") or "")
    if cell.get("array") is not None:
        return path, _wav_of(cell["array"], cell.get("sampling_rate"), scale, where)
    return path, cell.get("bytes") or None


def _wav_of(samples: Any, rate: Any, scale: float, where: str) -> bytes:
    """Samples, [n] or [channels, n], as a WAV file of 32-bit floats."""
    try:
        made = np.atleast_2d(np.asarray(samples, dtype="<f4")) / np.float32(scale)
        channels, data = len(made), made.T.tobytes()
        frame = 4 * channels
        layout = struct.pack("<HHIIHH", FLOAT_SAMPLES, channels, rate, rate * frame, frame, 32)
    except (TypeError, ValueError, struct.error):
        raise OvwError(f"{where}: its array and sampling_rate {quoted(rate)} are no sound") from None
    body = b"WAVEfmt " + struct.pack("<I", len(layout)) + layout + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body
