"""The datasets that have a name: one row each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from ovw.datasets import librispeech, multilingual
from ovw.datasets.bundled import BUNDLED, bundled
from ovw.datasets.utterance import Dataset


class OpenNamed(Protocol):
    """Opens a dataset."""

    def __call__(self, data: Path | None, split: str | None, languages: Sequence[str], /) -> Dataset:
        """The dataset.

        Args:
            data: where it lies on this machine; without it the dataset comes from the Hub.
            split: by default the dataset's own choice.
            languages: Whisper's codes; by default all there are.

        Raises:
            UsageError: no such data, split or language.
            OvwError: it cannot be read.
        """


@dataclass(frozen=True)
class NamedDataset:
    """A dataset that has a name.

    Attributes:
        name: of it, on command lines and in records.
        open: opens it.
        language: of all its clips, where a folder that the library `datasets` has saved does not have it.
        id_from_audio: clips of such a folder are named after their audio files.
        ships: it comes with ovw, whatever data is named.
    """

    name: str
    open: OpenNamed
    language: str | None = None
    id_from_audio: bool = False
    ships: bool = False


DATASETS = {row.name: row for row in (
    NamedDataset("librispeech", librispeech.open_named, language="en"),
    NamedDataset("fleurs", partial(multilingual.open_named, multilingual.FLEURS), id_from_audio=True),
    NamedDataset("common_voice", partial(multilingual.open_named, multilingual.COMMON_VOICE)),
    NamedDataset("voxpopuli", partial(multilingual.open_named, multilingual.VOXPOPULI)),
    NamedDataset(BUNDLED, lambda data, split, languages: bundled(split), ships=True),
)}  # fmt: skip
