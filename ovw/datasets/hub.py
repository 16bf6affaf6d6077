"""Datasets of the Hugging Face Hub, streamed; ovw decodes their audio."""

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
from ovw.datasets.rows import NO_AUDIO, RowNames, full_scale, media_of, require_audio
from ovw.datasets.utterance import Item, Problem
from ovw.errors import OvwError, UsageError, reason
from ovw.extras import require
from ovw.hub import SCHEME, hub_endpoint
from ovw.network import is_offline, require_online

if TYPE_CHECKING:
    import datasets

CONNECT_TIMEOUT_S = 5
PROXIES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY")
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
        scale = 1.0
        if rows.features:
            kind = rows.features.arrow_schema.field(columns.audio).type
            require_audio(kind, columns.audio, self.origin)
            scale = full_scale(kind, columns.audio, self.origin)
        if self.reference in (rows.column_names or ()):
            columns = Columns(**{**columns.__dict__, "reference": self.reference})
        names = RowNames(files_only=self.id_from_audio)
        try:
            for number, row in enumerate(_undecoded(rows, columns.audio)):
                yield self._item(row, columns, names, number, scale)
        except (OSError, ValueError) as error:
            raise OvwError(f"{self.origin} broke off: {reason(error)}", "run again to go on") from None

    def _item(self, row: Mapping[str, Any], columns: Columns, names: RowNames, number: int, scale: float) -> Item:
        key = None if self.id_from_audio else columns.value(row, "id")
        place = f"{SCHEME}{self.repository}/{self.split}"
        try:
            path, media = media_of(row[columns.audio], f"{place}/{number}", scale)
        except OvwError as error:
            return Problem(key or names(None, number), f"{place}/{number}", error.message)
        key = key or names(path, number)
        location = f"{place}/{Path(path).name or number}"
        data = media or (partial(_fetch, path) if IN_REPOSITORY in path else None)
        if data is None:
            return Problem(key, location, NO_AUDIO)
        return columns.utterance(row, key, data, location, self.language)

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


def _undecoded(rows: Any, column: str) -> Iterator[Mapping[str, Any]]:
    """Rows whose audio comes as the media file, or as where it lies; decoding it here would need torchcodec."""
    library = require_datasets()
    if isinstance((rows.features or {}).get(column), dict):  # a plain structure, with nothing to decode
        yield from rows
        return
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

    datasets.disable_progress_bars()  # its bars do not obey -q
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
    if is_offline(hub=True) or any(os.environ.get(name) for name in PROXIES):
        return
    address = urlsplit(hub_endpoint())
    port = address.port or (80 if address.scheme == "http" else 443)
    try:
        socket.create_connection((address.hostname or "", port), CONNECT_TIMEOUT_S).close()
    except OSError:
        raise OvwError(f"{repository} cannot be fetched: {address.hostname} does not answer", or_else) from None
