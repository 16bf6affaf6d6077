"""Tables with audio on this machine, read where they lie: folders that `datasets` has saved, and Parquet files."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from ovw.datasets.rows import is_text

if TYPE_CHECKING:
    import pyarrow as pa

LISTED_ROWS = 64
"""Rows that are listed together, without their audio."""
AUDIO_ROWS = 8
"""Rows whose audio is read together."""


class ListedRow(NamedTuple):
    """A row without its audio.

    Attributes:
        values: of the other columns.
        path: that it has for the audio.
        has_audio: whether there may be some.
    """

    values: dict[str, Any]
    path: str | None
    has_audio: bool


class AudioTable(Protocol):
    """Rows with audio, which is read when it is asked for."""

    @property
    def schema(self) -> pa.Schema:
        """Names and types of the columns."""

    def listed(self, audio: str) -> Iterator[ListedRow]:
        """Every row; `audio` is the column to leave out."""

    def cell(self, audio: str, number: int) -> Any:
        """The audio of a row."""


class SavedTable:
    """A table of `datasets`, which maps its files into memory."""

    def __init__(self, rows: Any) -> None:
        self._rows = rows.with_format("arrow")
        self.schema: pa.Schema = rows.data.schema

    def listed(self, audio: str) -> Iterator[ListedRow]:
        for batch in self._rows.iter(batch_size=LISTED_ROWS):
            yield from _rows_of(batch, audio)

    def cell(self, audio: str, number: int) -> Any:
        return self._rows[number].column(audio)[0].as_py()


class ParquetTable:
    """Parquet files, one behind the other; rows are best asked for in order.

    Args:
        files: with the same columns.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        import pyarrow.parquet as parquet

        self.schema: pa.Schema = parquet.read_schema(files[0])
        self._files = files
        self._groups: list[tuple[Path, int]] = []
        self._begins: list[int] = []  # of each group: its first row
        rows = 0
        for file in files:
            described = parquet.read_metadata(file)
            for group in range(described.num_row_groups):
                self._groups.append((file, group))
                self._begins.append(rows)
                rows += described.row_group(group).num_rows
        self._open: tuple[str, int] | None = None  # column and group
        self._batches: Iterator[pa.RecordBatch] = iter(())
        self._first, self._cells = 0, [None]

    def listed(self, audio: str) -> Iterator[ListedRow]:
        import pyarrow as pa
        from pyarrow.parquet import ParquetFile

        kind = self.schema.field(audio).type
        small = {kind.field(i).name for i in range(kind.num_fields)} & {"path", "sampling_rate"}
        of_audio = [f"{audio}.{name}" for name in small] or ([audio] if is_text(kind) else [])
        columns = [name for name in self.schema.names if name != audio] + of_audio
        for file in self._files:
            with ParquetFile(file) as opened:
                for batch in opened.iter_batches(LISTED_ROWS, columns=columns):
                    yield from _rows_of(pa.Table.from_batches([batch]), audio)

    def cell(self, audio: str, number: int) -> Any:
        group = bisect_right(self._begins, number) - 1
        if self._open != (audio, group) or number < self._first:
            self._open, self._batches = (audio, group), self._audio(audio, *self._groups[group])
            self._first, self._cells = self._begins[group], []
        while number >= self._first + len(self._cells):
            self._first += len(self._cells)
            self._cells = next(self._batches).column(0).to_pylist()
        return self._cells[number - self._first]

    @staticmethod
    def _audio(column: str, file: Path, group: int) -> Iterator[pa.RecordBatch]:
        from pyarrow.parquet import ParquetFile

        with ParquetFile(file) as opened:
            yield from opened.iter_batches(AUDIO_ROWS, row_groups=[group], columns=[column])


def _rows_of(batch: pa.Table, audio: str) -> Iterator[ListedRow]:
    import pyarrow as pa
    import pyarrow.compute as compute

    paths: list[str | None] = [None] * batch.num_rows
    valid = [True] * batch.num_rows
    if audio in batch.column_names:
        column = batch.column(audio)
        valid = column.is_valid().to_pylist()
        if is_text(column.type):
            paths = column.to_pylist()
        elif pa.types.is_struct(column.type) and column.type.get_field_index("path") >= 0:
            paths = compute.struct_field(column, "path").to_pylist()
        batch = batch.drop_columns([audio])
    return map(ListedRow, batch.to_pylist(), paths, valid)
