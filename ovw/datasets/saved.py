"""Folders that `datasets` has written, and folders of Parquet files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ovw.datasets.columns import find_columns
from ovw.datasets.hub import require_datasets
from ovw.datasets.rows import NO_AUDIO, RowNames, media_of, require_audio
from ovw.datasets.tables import AudioTable, ParquetTable, SavedTable
from ovw.datasets.utterance import Item, Problem
from ovw.errors import OvwError, UsageError, reason
from ovw.extras import require

UNREADABLE = (OSError, ValueError, RuntimeError, LookupError, TypeError)
"""Errors of Arrow and of `datasets` over damaged files."""


@dataclass(frozen=True)
class SavedDataset:
    """A folder written by `datasets`: by `save_to_disk`, or Parquet files as the Hub has them."""

    path: Path
    split: str | None
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
        require_audio(table.schema.field(columns.audio).type, columns.audio, self.origin)
        names = RowNames(files_only=self.id_from_audio)
        for number, row in enumerate(table.listed(columns.audio)):
            location = f"{self.path}:{number}"
            key = None if self.id_from_audio else columns.value(row.values, "id")
            key = key or names(row.path, number)
            if not row.has_audio:
                yield Problem(key, location, NO_AUDIO)
                continue
            audio = partial(_media_file, table, columns.audio, number, location)
            yield columns.utterance(row.values, key, audio, location, self.language)

    def _open(self) -> AudioTable:
        if not _is_saved(self.path):
            require("this source", "pyarrow", extra="eval")
            return self._parquet()
        library = require_datasets()
        saved = library.load_from_disk(str(self.path))
        if isinstance(saved, library.DatasetDict):
            saved = saved[pick_split(list(saved), self.split, self.path)]
        return SavedTable(saved)

    def _parquet(self) -> AudioTable:
        """Every `test-00000-of-00002.parquet`, or whatever there is below a folder of the split's name."""
        files: dict[str, list[Path]] = {}
        for path in sorted(self.path.rglob("*.parquet")):
            split = path.name.split("-0")[0] if "-0" in path.name else path.parent.name
            files.setdefault(split, []).append(path)
        return ParquetTable(files[pick_split(list(files), self.split, self.path)])


def _media_file(table: AudioTable, audio: str, number: int, where: str) -> bytes:
    try:
        path, data = media_of(table.cell(audio, number), where)
    except UNREADABLE as error:
        raise OvwError(f"{where}: {reason(error)}", "is the folder whole?") from None
    if data:
        return data
    if path:
        return Path(path).read_bytes()
    raise OvwError(f"{where}: {NO_AUDIO}")


def is_datasets_folder(path: Path) -> bool:
    """Whether `datasets` has written this folder, or could read it."""
    return _is_saved(path) or any(next(path.glob(deep + "*.parquet"), None) for deep in ("", "*/", "*/*/"))


def _is_saved(path: Path) -> bool:
    return (path / "dataset_dict.json").is_file() or (path / "state.json").is_file()


def pick_split(there: list[str], split: str | None, path: Path) -> str:
    """The split asked for, `test-other` and `test.other` being one; the only one there is if none was asked for.

    Raises:
        UsageError: it is not there.
    """
    usual = there if len(there) == 1 else ["test", "test-clean", "test.clean"]
    wanted = {split, split.replace("-", ".", 1)} if split else set(usual)
    if found := next((name for name in there if name in wanted), None):
        return found
    raise UsageError(f"{path} has no split {split or 'test'}", f"--split takes {', '.join(there)}")
