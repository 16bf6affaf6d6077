"""Datasets of the Hugging Face Hub, streamed, and folders that `datasets` has written; ovw decodes their audio."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ovw.datasets.columns import Columns, find_columns
from ovw.datasets.utterance import Item, Problem
from ovw.errors import OvwError, UsageError, reason
from ovw.extras import require
from ovw.hub import SCHEME, hub_endpoint
from ovw.network import require_online

if TYPE_CHECKING:
    import datasets

CONNECT_TIMEOUT_S = 5
PARQUET_BRANCH = "refs/convert/parquet"
"""Where the Hub keeps its own Parquet copy of datasets that still need a script, which `datasets` 4 no longer runs."""
PARQUET_FILES = "{config}/{split}/*.parquet"
"""The files there; `datasets` does not know the branch's configurations by their names."""
IN_REPOSITORY = "hf://"


@dataclass(frozen=True)
class HubDataset:
    """A dataset on the Hub, read row by row as it arrives.

    Attributes:
        repository: `owner/name`.
        config: its configuration, where it has several.
        split: as the Hub names it.
        name: for people.
        language: of every clip, where no column has it.
        id_from_audio: the id column is not unique; take file names instead.
        reference: column with the text, where several would do.
        or_else: what to do without the Hub.
    """

    repository: str
    config: str | None
    split: str
    name: str
    language: str | None = None
    id_from_audio: bool = False
    reference: str | None = None
    or_else: str = "give the data with --data"
    streamed = True

    @property
    def origin(self) -> str:
        return f"Hub {self.repository}" + (f" {self.config}" if self.config else "")

    def __iter__(self) -> Iterator[Item]:
        rows = self._open()
        columns = find_columns(list(rows.column_names or ()), self.origin)
        if self.reference in (rows.column_names or ()):
            columns = Columns(**{**columns.__dict__, "reference": self.reference})
        try:
            for number, row in enumerate(_undecoded(rows, columns.audio)):
                yield self._item(row, columns, number)
        except (OSError, ValueError) as error:
            raise OvwError(f"{self.origin} broke off: {reason(error)}", "run again to go on") from None

    def _item(self, row: Mapping[str, Any], columns: Columns, number: int) -> Item:
        audio = row[columns.audio] or {}
        audio = {"path": audio} if isinstance(audio, str) else audio
        path = str(audio.get("path") or f"row-{number:07}")
        file = Path(path)
        key = None if self.id_from_audio else columns.value(row, "id")
        location = f"{SCHEME}{self.repository}/{self.split}/{file.name}"
        data = audio.get("bytes") or (partial(_fetch, path) if IN_REPOSITORY in path else None)
        if data is None:
            return Problem(key or file.stem, location, "no audio in this row")
        return columns.utterance(row, key or file.stem, data, location, self.language)

    def _open(self) -> datasets.IterableDataset:
        library = require_datasets(f", or {self.or_else}")
        check_reachable(self.repository, self.or_else)
        options: dict[str, Any] = {"split": self.split, "streaming": True}
        try:
            try:
                return library.load_dataset(self.repository, self.config, **options)
            except RuntimeError:  # it needs a script
                files = {self.split: PARQUET_FILES.format(config=self.config or "default", split=self.split)}
                return library.load_dataset(self.repository, data_files=files, revision=PARQUET_BRANCH, **options)
        except ValueError as error:
            hint = "choose with --split, and a configuration with hf:owner/name@config"
            raise UsageError(f"{self.origin} cannot be read: {reason(error)}", hint) from None
        except (OSError, RuntimeError) as error:
            raise OvwError(f"{self.origin} cannot be read: {reason(error)}", self.or_else) from None


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
        rows = self._open()
        columns = find_columns(rows.column_names, self.origin)
        rows = rows.cast_column(columns.audio, require_datasets().Audio(decode=False))
        texts = rows.remove_columns(columns.audio)
        for number, row in enumerate(texts):
            audio = partial(_audio_bytes, rows, columns.audio, number, str(self.path))
            key = None if self.id_from_audio else columns.value(row, "id")
            name = key or Path(str(rows[number][columns.audio].get("path") or f"row-{number:07}")).stem
            yield columns.utterance(row, name, audio, f"{self.path}:{number}", self.language)

    def _open(self) -> datasets.Dataset:
        library = require_datasets()
        try:
            saved = library.load_from_disk(str(self.path)) if _is_saved(self.path) else self._parquet(library)
        except (OSError, ValueError, RuntimeError) as error:
            raise OvwError(f"{self.origin} cannot be read: {reason(error)}", "is it whole?") from None
        if not isinstance(saved, library.DatasetDict):
            return saved
        name = pick_split(list(saved), self.split, self.path)
        return saved[name]

    def _parquet(self, library: Any) -> Any:
        """Every `test-00000-of-00002.parquet`, or whatever there is below a folder of the split's name."""
        files: dict[str, list[str]] = {}
        for path in sorted(self.path.rglob("*.parquet")):
            split = path.name.split("-0")[0] if "-0" in path.name else path.parent.name
            files.setdefault(split, []).append(str(path))
        name = pick_split(list(files), self.split, self.path)
        return library.Dataset.from_parquet(files[name])


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


def _undecoded(rows: Any, column: str) -> Iterator[Mapping[str, Any]]:
    """Rows whose audio comes as the media file, or as where it lies; decoding it here would need torchcodec."""
    library = require_datasets()
    try:
        yield from rows.cast_column(column, library.Audio(decode=False))
    except ImportError:  # for files beside a table torchcodec is wanted all the same, at the first row
        yield from rows.cast_column(column, library.Value("string"))


def _fetch(address: str) -> bytes:
    import fsspec

    with fsspec.open(address, "rb") as stream:
        data: bytes = stream.read()
    return data


def require_datasets(or_else: str = "") -> Any:
    """The library, or the line that installs it.

    Args:
        or_else: what else helps, for the hint.

    Raises:
        OvwError: it is not installed.
    """
    require("this source", "datasets", extra="eval", or_else=or_else)
    import datasets

    return datasets


def check_reachable(repository: str, or_else: str) -> None:
    """Find out in seconds that there is no network, instead of after a minute of retries.

    Args:
        repository: for the message.
        or_else: what else helps, for the hint.

    Raises:
        OvwError: the Hub does not answer.
    """
    require_online(repository)
    if any(os.environ.get(name) for name in ("HF_HUB_OFFLINE", "HTTPS_PROXY", "https_proxy", "ALL_PROXY")):
        return
    address = urlsplit(hub_endpoint())
    port = address.port or (80 if address.scheme == "http" else 443)
    try:
        socket.create_connection((address.hostname or "", port), CONNECT_TIMEOUT_S).close()
    except OSError:
        raise OvwError(f"{repository} cannot be fetched: {address.hostname} does not answer", or_else) from None


def _audio_bytes(rows: Any, column: str, number: int, where: str) -> bytes:
    audio = rows[number][column]
    if audio.get("bytes"):
        return bytes(audio["bytes"])
    if audio.get("path"):
        return Path(audio["path"]).read_bytes()
    raise OvwError(f"{where}:{number}: no audio in this row")
