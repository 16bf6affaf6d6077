"""Rows of a table that holds media files: the audio of one, whatever form it has."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ovw.errors import OvwError, UsageError, quoted

if TYPE_CHECKING:
    import pyarrow as pa

NO_AUDIO = "no audio in this row"
FLOAT_SAMPLES = 3
"""Of a WAV file's format."""


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
    simple = (types.is_string, types.is_large_string, types.is_binary, types.is_large_binary, types.is_null)
    if fields & {"bytes", "path"} or fields >= {"array", "sampling_rate"} or any(fits(kind) for fits in simple):
        return
    raise UsageError(
        f"{where}: the column {column} is {kind}, no audio",
        "audio is a media file, its path, or {array, sampling_rate}; cast it to Audio, as datasets calls it",
    )


def media_of(cell: Any, where: str) -> tuple[str, bytes | None]:
    """The path that a cell has for its audio, and the media file itself, where the cell holds it; both may be empty.

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
        return path, _wav_of(cell["array"], cell.get("sampling_rate"), where)
    return path, cell.get("bytes") or None


def _wav_of(samples: Any, rate: Any, where: str) -> bytes:
    """Samples, [n] or [channels, n], as a WAV file of 32-bit floats."""
    try:
        made = np.atleast_2d(np.asarray(samples, dtype="<f4"))
        channels, data = len(made), made.T.tobytes()
        frame = 4 * channels
        layout = struct.pack("<HHIIHH", FLOAT_SAMPLES, channels, rate, rate * frame, frame, 32)
    except (TypeError, ValueError, struct.error):
        raise OvwError(f"{where}: its array and sampling_rate {quoted(rate)} are no sound") from None
    body = b"WAVEfmt " + struct.pack("<I", len(layout)) + layout + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body
