"""Which column of a table holds what, by the names in common use."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ovw.datasets.utterance import Audio, Item, Problem, Utterance
from ovw.errors import UsageError, quoted
from ovw.models import known_language

ALIASES = {
    "audio": ("audio", "audio_filepath", "audio_path", "path", "file", "file_name", "filename", "wav"),
    "reference": ("reference", "text", "sentence", "transcription", "transcript", "normalized_text"),
    "id": ("id", "utt_id", "utterance_id", "audio_id", "segment_id"),
    "language": ("language", "lang", "locale"),
    "speaker": ("speaker", "speaker_id", "client_id"),
    "duration_s": ("duration_s", "duration"),
}
TIMES = {
    "start_s": ("start_s", "offset", "start", "start_time", "begin"),
    "end_s": ("end_s", "end", "end_time"),
}
"""Where a clip lies in a media file that holds several."""
REQUIRED = ("audio", "reference")
SEPARATORS = re.compile(r"[;,|\t]")
NO_LANGUAGE = ("und", "zxx", "mis", "unknown")
"""Codes of ISO 639-2 that stand for no language, and the plain word."""


@dataclass(frozen=True)
class Columns:
    """The names of a table's columns; `None` for what it does not have."""

    audio: str
    reference: str | None = None
    id: str | None = None
    language: str | None = None
    speaker: str | None = None
    duration_s: str | None = None
    start_s: str | None = None
    end_s: str | None = None

    def value(self, row: Mapping[str, Any], field: str) -> str | None:
        """A cell as text; `None` if the column or the cell is missing, empty or no text."""
        column = getattr(self, field)
        value = row.get(column) if column else None
        return str(value) if value not in (None, "") and _is_plain(value) else None

    def oddity(self, row: Mapping[str, Any], *, audio: bool = False) -> str:
        """Why a row cannot be used: a value that is no text and no number; empty if there is none.

        NaN, as pandas writes missing values, is one in the columns of `REQUIRED` alone.

        Args:
            row: of the table.
            audio: its audio is the name of a file.
        """
        for field in ALIASES:
            column = getattr(self, field)
            value = row.get(column) if column and (audio or field != "audio") else None
            if not _is_plain(value) and (field in REQUIRED or not isinstance(value, float)):
                return f"{column} is {quoted(value)}, no text"
        return ""

    def seconds(self, row: Mapping[str, Any], field: str = "duration_s") -> float | None:
        """A duration or a time, if it is one."""
        try:
            return self._time(row, field)
        except ValueError:
            return None

    def segment(self, row: Mapping[str, Any]) -> tuple[float, float | None]:
        """Start and end of a clip within its file, in seconds; (0, None) for the whole file.

        Raises:
            ValueError: there is no such part, with the reason.
        """
        start, end = self._time(row, "start_s"), self._time(row, "end_s")
        if start is None and end is None:
            return 0.0, None
        begin = start or 0.0
        if end is None and (duration := self._time(row, "duration_s")) is not None:
            end = begin + duration
        if begin < 0 or (end is not None and end <= begin):
            until = "" if end is None else f" to {end:g} s"
            raise ValueError(f"its segment is from {begin:g} s{until}: there is none")
        return begin, end

    def _time(self, row: Mapping[str, Any], field: str) -> float | None:
        column = getattr(self, field)
        value = row.get(column) if column else None
        if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
            return None
        try:
            seconds = float(value) if _is_plain(value) else math.nan
        except (ValueError, OverflowError):
            seconds = math.nan
        if not math.isfinite(seconds):
            raise ValueError(f"{column} is {quoted(value)}, no seconds")
        return seconds

    def utterance(
        self,
        row: Mapping[str, Any],
        key: str,
        audio: Audio,
        location: str,
        language: str | None = None,
        segment: tuple[float, float | None] = (0.0, None),
    ) -> Item:
        """A row as a clip, or as a problem.

        Args:
            row: of the table.
            key: the clip's id.
            audio: the media file.
            location: where it lies, for people.
            language: of every clip of the table; it goes before the row's own.
            segment: its part of the file, where that is not the whole.
        """
        if odd := self.oddity(row):
            return Problem(key, location, odd)
        return Utterance(
            id=key,
            audio=audio,
            location=location,
            reference=self.value(row, "reference") or "",
            language=language or language_code(self.value(row, "language")),
            speaker=self.value(row, "speaker"),
            duration_s=self.seconds(row),
            start_s=segment[0],
            end_s=segment[1],
        )


def _is_plain(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or (isinstance(value, str | int) and not isinstance(value, bool))


def find_columns(names: Iterable[str], where: str, required: Sequence[str] = REQUIRED) -> Columns:
    """The columns of a table by their names, in capital or small letters.

    Args:
        names: of the columns.
        where: the table is, for the message.
        required: what there must be a column for.

    Raises:
        UsageError: there is none.
    """
    present = list(names)
    spelled = {name.strip().lower(): name for name in reversed(present)} | {name: name for name in present}
    known = ALIASES | TIMES
    found = {field: next((spelled[a] for a in aliases if a in spelled), None) for field, aliases in known.items()}
    for field in required:
        if found[field] is None:
            seen = ", ".join(present) or "none"
            raise UsageError(f"{where} has no column for the {field}: it has {seen}", _hint(present, field))
    return Columns(**found)  # type: ignore[arg-type]


def _hint(present: list[str], field: str) -> str:
    """The alias that one of the columns may have meant, or what is wrong with the header."""
    if len(present) == 1 and (found := SEPARATORS.search(present[0])):
        return f"'{found[0]}' separates the columns: a .csv has commas, a .tsv tabs"
    if any(len(name) > 1 and name[0] == name[-1] == '"' for name in present):
        return "the columns stand in quotes, which a .tsv has none of; a .csv may have them"
    for name in present:
        if close := difflib.get_close_matches(name, ALIASES[field], n=1):
            return f"rename '{name}' to '{close[0]}'"
    return f"name it one of {', '.join(ALIASES[field])}"


def language_code(name: str | None) -> str | None:
    """Whisper's code for a code or locale such as `zh-CN` or `pt_br`; the first part if Whisper does not know it."""
    if not name or name.strip().lower() in NO_LANGUAGE:
        return None
    return known_language(name) or name.strip().lower().replace("_", "-").split("-")[0]
