"""A list of clips in a JSONL, CSV or TSV file."""

from __future__ import annotations

import csv
import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from ovw.datasets.columns import REQUIRED, Columns, find_columns
from ovw.datasets.utterance import Item, Problem
from ovw.errors import OvwError, UsageError, quoted, reason
from ovw.home import user_path
from ovw.media_fragment import media_fragment
from ovw.parsing import from_json
from ovw.text_files import encoding_of, lines_of

logger = logging.getLogger(__name__)

ENDINGS = (".jsonl", ".json", ".csv", ".tsv")
ONE_VALUE = re.compile(r"\s*(\[\s*\{|\[\s*$|\{\s*$)")
"""First lines of an array of objects, or of an object over several lines."""
FILE_ADDRESS = re.compile(r"file://(?:localhost)?(/.*)", re.IGNORECASE | re.DOTALL)
"""Of this machine."""
Row = dict[str, Any]


@dataclass(frozen=True)
class ManifestDataset:
    """A manifest: one clip a line, audio paths relative to the file, from `~` or as `file://` addresses.

    It must have `audio` and `reference` (or `text`), and may have `id`, `language`, `speaker` and `duration_s`; other
    names in use are in `ovw.datasets.columns.ALIASES`. Where a file holds several clips, `offset` and `duration` or
    `start` and `end` (`ovw.datasets.columns.TIMES`) cut them out. A clip without id goes by its path and segment.
    """

    path: Path
    streamed = False

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def origin(self) -> str:
        return f"manifest {self.path}"

    def __iter__(self) -> Iterator[Item]:
        for entry in _entries(self.path, REQUIRED):
            yield entry if isinstance(entry, Problem) else self._item(*entry)

    def _item(self, row: Row, columns: Columns, where: str) -> Item:
        if odd := columns.oddity(row, audio=True):
            return Problem(columns.value(row, "id") or where, where, odd)
        audio = _audio(row, columns)
        if audio is None:
            return Problem(columns.value(row, "id") or where, where, f"no {columns.audio}")
        try:
            segment = columns.segment(row)
        except ValueError as error:
            return Problem(columns.value(row, "id") or where, where, str(error))
        path = self.path.parent / audio
        if not Path(audio).name:
            return Problem(columns.value(row, "id") or where, where, f"{columns.audio} is {quoted(audio)}, no file")
        fragment = media_fragment(*segment)
        key = columns.value(row, "id") or Path(audio).with_suffix("").as_posix() + fragment
        return columns.utterance(row, key, path, f"{path}{fragment}", segment=segment)


def _audio(row: Row, columns: Columns) -> str | None:
    """The path of a row's audio, or its address elsewhere."""
    audio = columns.value(row, "audio")
    if audio and (address := FILE_ADDRESS.fullmatch(audio)):
        return unquote(address[1], errors="surrogateescape")
    return str(user_path(audio)) if audio and audio.startswith("~") else audio


def listed_audio(path: Path) -> Iterator[str | OvwError]:
    """The audio column of a manifest, row by row; for a row without audio, its problem.

    Whole files are meant; one line warns of rows that are segments of theirs.

    Raises:
        OvwError: the file cannot be read.
        UsageError: it holds no rows, or has no column for the audio.
    """
    warned = False
    for entry in _entries(path, ("audio",)):
        if isinstance(entry, Problem):
            yield OvwError(f"{entry.location}: {entry.reason}")
            continue
        row, columns, where = entry
        if not warned and columns.seconds(row, "start_s"):
            logger.warning("%s: %s is ignored, whole files are taken; ovw eval reads segments", where, columns.start_s)
            warned = True
        yield _audio(row, columns) or OvwError(f"{where}: no {columns.audio}")


def _entries(path: Path, required: Sequence[str]) -> Iterator[tuple[Row, Columns, str] | Problem]:
    """Every row with its columns and its place; the first stands for the file, a later one for itself."""
    known: dict[tuple[str, ...], Columns] = {}
    for number, row in read_rows(path):
        where = f"{path}:{number}"
        if isinstance(row, str):
            yield Problem(where, where, row)
            continue
        try:
            if (keys := tuple(row)) not in known:
                known[keys] = find_columns(row, str(path), required)
        except UsageError as error:
            if not known:
                raise
            yield Problem(str(row.get("id") or where), where, error.message.removeprefix(f"{path} "))
            continue
        yield row, known[keys], where


def read_rows(path: Path) -> Iterator[tuple[int, Row | str]]:
    """The rows of a table with their line numbers; what cannot be read comes as the reason.

    Args:
        path: `.csv`, `.tsv`, or lines of JSON.

    Raises:
        OvwError: the file cannot be read.
        UsageError: it holds no rows, or is one JSON value instead of lines.
    """
    if not path.is_file():
        raise UsageError(f"no manifest {path}", "check the path")
    empty = True
    try:
        with path.open(encoding=encoding_of(path), newline="") as stream:
            rows = _table(stream, path) if path.suffix in (".csv", ".tsv") else _lines(stream, path)
            for row in rows:
                empty = False
                yield row
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise OvwError(f"{path} cannot be read: {reason(error)}", "a manifest is text, best in UTF-8") from None
    if empty:
        raise UsageError(f"{path} lists no clips", "one line a clip: audio and reference")


def _table(stream: Any, path: Path) -> Iterator[tuple[int, Row | str]]:
    tabs = path.suffix == ".tsv"
    reader = csv.DictReader(
        lines_of(stream),
        delimiter="\t" if tabs else ",",
        quoting=csv.QUOTE_NONE if tabs else csv.QUOTE_MINIMAL,
        strict=True,
    )
    for row in _whole_rows(reader, path):
        if None in row or None in row.values():
            yield reader.line_num, f"{len(reader.fieldnames or ())} columns in the header, not as many here"
        else:
            yield reader.line_num, dict(row)


def _whole_rows(reader: csv.DictReader[str], path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a table; an error names the line in which its row begins."""
    begin = 1
    try:
        for row in reader:
            begin = reader.line_num + 1
            yield row
    except csv.Error as error:
        seen = f"{path}:{begin} cannot be read: {reason(error)}"
        raise OvwError(seen, "a quote within a text is doubled, and the text stands in quotes") from None


def _lines(stream: Any, path: Path) -> Iterator[tuple[int, Row | str]]:
    for number, line in enumerate(lines_of(stream), 1):
        if not line.strip():
            continue
        if number == 1 and ONE_VALUE.match(line):
            hint = f"one object a line (JSON Lines): jq -c '.[]' {path.name} > {path.stem}-lines.jsonl"
            raise UsageError(f"{path} is one JSON value over all lines", hint)
        try:
            row = from_json(line)
        except ValueError as error:
            yield number, f"not JSON: {error}"
            continue
        yield number, row if isinstance(row, dict) else f"a {type(row).__name__}, not an object"
