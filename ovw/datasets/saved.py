"""Folders that `datasets` has written, and folders of Parquet files."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ovw.datasets.audio import require_regular
from ovw.datasets.columns import find_columns
from ovw.datasets.hub import require_datasets
from ovw.datasets.rows import NO_AUDIO, RowNames, full_scale, media_of, require_audio
from ovw.datasets.tables import AudioTable, ParquetTable, SavedTable
from ovw.datasets.utterance import Item, Problem
from ovw.errors import OvwError, UsageError, reason
from ovw.extras import require
from ovw.parsing import load_json

DICT, STATE = "dataset_dict.json", "state.json"
UNREADABLE = (OSError, ValueError, RuntimeError, LookupError, TypeError)
"""Errors of Arrow and of `datasets` over damaged files."""


SHARD = re.compile(r"(.+?)-\d{5}-of-\d{5}")
"""The name of a Parquet file as `datasets` writes it, behind its split."""
USUAL = re.compile(r"(train|test|dev|valid|validation|eval)([-._].*)?")
"""Names of splits."""
DEFAULTS = ("test", "test-clean")
NO_NAMES = ("data", "parquet")
"""Folders that are not named after a split."""
Split = str | None
"""`None` where nothing names it."""


@dataclass(frozen=True)
class SavedDataset:
    """A folder written by `datasets`: by `save_to_disk`, or Parquet files as the Hub has them.

    Attributes:
        path: the folder.
        split: as it is called there.
        name: for people.
        language: of every clip, where no column has it.
        id_from_audio: the id column is not unique; take file names instead.
    """

    path: Path
    split: Split
    name: str
    language: str | None = None
    id_from_audio: bool = False
    streamed = False

    @property
    def origin(self) -> str:
        return f"datasets folder {self.path}"

    def __iter__(self) -> Iterator[Item]:
        try:
            yield from self._items(self._open())
        except UNREADABLE as error:
            raise OvwError(f"{self.origin} cannot be read: {reason(error)}", "is it whole?") from None

    def _items(self, table: AudioTable) -> Iterator[Item]:
        columns = find_columns(table.schema.names, self.origin)
        kind = table.schema.field(columns.audio).type
        require_audio(kind, columns.audio, self.origin)
        scale = full_scale(kind, columns.audio, self.origin)
        names = RowNames(files_only=self.id_from_audio)
        for number, row in enumerate(table.listed(columns.audio)):
            location = self._location(number)
            key = None if self.id_from_audio else columns.value(row.values, "id")
            key = key or names(row.path, number)
            if not row.has_audio:
                yield Problem(key, location, NO_AUDIO)
                continue
            audio = partial(self._media_file, table, columns.audio, number, scale)
            yield columns.utterance(row.values, key, audio, location, self.language)

    def _location(self, number: int) -> str:
        return f"{self.path}:{number}"

    def _media_file(self, table: AudioTable, audio: str, number: int, scale: float) -> bytes:
        """The media file of a row; a path is relative to the dataset's folder."""
        where = self._location(number)
        try:
            path, data = media_of(table.cell(audio, number), where, scale)
        except UNREADABLE as error:
            raise OvwError(f"{where}: {reason(error)}", "is the folder whole?") from None
        if data:
            return data
        if path:
            file = self.path / path
            require_regular(file)
            return file.read_bytes()
        raise OvwError(f"{where}: {NO_AUDIO}")

    def _open(self) -> AudioTable:
        if not _is_saved(self.path):
            require("this source", "pyarrow", extra="eval")
            return ParquetTable(_parquet_files(self.path)[self.split])
        library = require_datasets()
        saved = library.load_from_disk(str(self.path))
        if isinstance(saved, library.DatasetDict):
            saved = saved[self.split]
        return SavedTable(saved)


def open_saved(
    path: Path, split: str | None, name: str, language: str | None = None, *, id_from_audio: bool = False
) -> SavedDataset:
    """A split of a folder that `datasets` has written.

    Args:
        path: the folder.
        split: by default the only one there, or `test`.
        name: of the dataset. A split that was asked for becomes part of it, if the folder names its own.
        language: of every clip, where no column has it.
        id_from_audio: the id column is not unique; take file names instead.

    Raises:
        UsageError: the folder does not hold the split.
        OvwError: it cannot be read.
    """
    chosen = pick_split(_splits(path), split, path)
    if split and chosen is not None:
        name = f"{name} {split}"
    return SavedDataset(path, chosen, name, language, id_from_audio)


def _splits(path: Path) -> list[Split]:
    try:
        if (path / DICT).is_file():
            return list(load_json(path / DICT)["splits"])
        if _is_saved(path):
            stored = load_json(path / STATE).get("_split")
            return [str(stored) if stored else None]
    except (*UNREADABLE, AttributeError) as error:
        raise OvwError(f"datasets folder {path} cannot be read: {reason(error)}", "is it whole?") from None
    return list(_parquet_files(path))


def _parquet_files(path: Path) -> dict[Split, list[Path]]:
    """Split -> files: `test-00000-of-00002.parquet`, `test.parquet`, or whatever is in a folder of the split's name."""
    found: dict[Split, list[Path]] = {}
    for file in sorted(path.rglob("*.parquet")):
        found.setdefault(_split_of(file, path), []).append(file)
    return found


def _split_of(file: Path, root: Path) -> Split:
    if shard := SHARD.fullmatch(file.stem):
        return shard[1]
    if USUAL.fullmatch(file.stem):
        return re.sub(r"-\d+$", "", file.stem)
    return None if file.parent == root or file.parent.name in NO_NAMES else file.parent.name


def is_datasets_folder(path: Path) -> bool:
    """Whether `datasets` has written this folder, or could read it."""
    return _is_saved(path) or any(next(path.glob(deep + "*.parquet"), None) for deep in ("", "*/", "*/*/"))


def _is_saved(path: Path) -> bool:
    return (path / DICT).is_file() or (path / STATE).is_file()


def pick_split(there: Sequence[Split], split: str | None, path: Path) -> Split:
    """The split asked for, or the usual one; the only one there is if none was asked for, or none is named.

    Raises:
        UsageError: it is not there.
    """
    if len(there) == 1 and (split is None or there[0] is None):
        return there[0]
    wanted = [_plain(name) for name in ([split] if split else DEFAULTS)]
    named = [name for name in there if name is not None]
    if found := next((name for name in named if _plain(name) in wanted), None):
        return found
    raise UsageError(f"{path} has no split {split or DEFAULTS[0]}", f"--split takes {', '.join(named)}")


def _plain(split: str) -> str:
    """One spelling of `dev-other`, `validation.other` and `dev-other[:10]`."""
    return split.partition("[")[0].replace("-", ".").replace("validation", "dev")
