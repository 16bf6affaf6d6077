"""From what a command names to utterances."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field

from ovw.config import Config, as_values
from ovw.datasets import librispeech, manifest
from ovw.datasets.columns import language_code
from ovw.datasets.folder import AudioFolder
from ovw.datasets.hub import HubDataset
from ovw.datasets.manifest import ManifestDataset
from ovw.datasets.registry import DATASETS, NamedDataset
from ovw.datasets.saved import is_datasets_folder, open_saved
from ovw.datasets.utterance import Dataset, Item, Problem, Utterance, select
from ovw.errors import UsageError, did_you_mean
from ovw.home import real_path, user_path
from ovw.hub import SCHEME

CLIPS_TABLES = ("validated.tsv", "test.tsv")
"""Of Common Voice, beside its folder `clips`."""


class DatasetOptions(Config):
    """Which speech to use: for scoring, calibration and benchmarks alike."""

    dataset: str
    """A name of `ovw.datasets.registry.DATASETS`, a JSONL or CSV manifest, a folder, or `hf:owner/name`."""
    split: str | None = None
    """By default `test`, or `test-clean` of LibriSpeech."""
    data: str | None = None
    """Where a named dataset lies: a folder, an archive, or `hf:owner/name`; by default the Hub."""
    languages: Annotated[tuple[str, ...], BeforeValidator(as_values)] = ()
    """Only these, as Whisper's codes."""
    limit: int | None = Field(default=None, ge=1)
    """At most this many clips."""
    shuffle: bool = False
    """With a limit: clips drawn at random instead of the first; a seed draws the same from a folder and an archive."""
    seed: int = Field(default=0, ge=0)
    """Of everything that is drawn."""


def open_dataset(options: DatasetOptions, *, texts: bool = True) -> Dataset:
    """The dataset that is meant.

    Args:
        options: which one.
        texts: reference texts are needed; without them a folder of audio files is enough.

    Raises:
        UsageError: no such dataset, split or language.
        OvwError: it cannot be read.
    """
    data = user_path(options.data) if options.data and not options.data.startswith(SCHEME) else None
    if row := DATASETS.get(options.dataset):
        return _named(row, options, data)
    if options.dataset.startswith(SCHEME):
        return _from_hub(options.dataset, options)
    path = user_path(options.dataset)
    if path.suffix in manifest.ENDINGS:
        _require_no_split(options, "a list of clips")
        return ManifestDataset(path)
    if is_datasets_folder(path):
        return open_saved(path, options.split, real_path(path).name)
    if path.is_dir() and librispeech.is_librispeech(path):
        return librispeech.open_librispeech(path, options.split)
    if path.is_dir():
        _require_no_split(options, "a folder of media files")
        if texts and (path / "clips").is_dir() and any((path / name).is_file() for name in CLIPS_TABLES):
            raise UsageError(f"{path} is laid out as Common Voice is", f"ovw eval common_voice --data {path}")
        return AudioFolder(path, texts=texts)
    where = f", and nothing at {Path.cwd() / path}" if options.dataset != path.name else ""
    raise UsageError(
        f"no dataset '{options.dataset}'{where}", did_you_mean(options.dataset, DATASETS) + ", a manifest or a folder"
    )


def utterances(options: DatasetOptions) -> Iterator[Item]:
    """The clips to use, with the problems between them.

    Raises:
        OvwError: as `open_dataset`, or a source that breaks off.
    """
    return choose(open_dataset(options), options)


def choose(dataset: Dataset, options: DatasetOptions) -> Iterator[Item]:
    """The clips of a dataset that the options mean.

    Raises:
        UsageError: it has clips, but in other languages; at the end.
    """
    items = _in_languages(dataset, options.languages) if options.languages else iter(dataset)
    return select(items, limit=options.limit, shuffle=options.shuffle, seed=options.seed)


def _in_languages(dataset: Dataset, languages: Sequence[str]) -> Iterator[Item]:
    wanted = {language_code(language) for language in languages}
    seen: set[str | None] = set()
    for item in dataset:
        if isinstance(item, Utterance):
            seen.add(item.language)
        if isinstance(item, Problem) or item.language in wanted:
            yield item
    if seen and not seen & wanted:
        known = ", ".join(sorted(language for language in seen if language))
        has = f"it has {known}" if known else "none has a language"
        hint = f"--languages takes {known}" if known else "leave out --languages; --language of ovw eval sets it"
        raise UsageError(f"no clip of {dataset.name} is in {', '.join(languages)}: {has}", hint)


def _named(row: NamedDataset, options: DatasetOptions, data: Path | None) -> Dataset:
    if row.ships:
        return row.open(None, options.split, options.languages)
    if options.data and data is None:
        return _from_hub(options.data, options)
    if data is not None and is_datasets_folder(data):
        return open_saved(data, options.split, row.name, row.language, id_from_audio=row.id_from_audio)
    return row.open(data, options.split, options.languages)


def _require_no_split(options: DatasetOptions, kind: str) -> None:
    """Refuse a split of what has none: the record would name it."""
    if options.split:
        raise UsageError(f"{options.dataset} is {kind}, which has no splits", "leave out --split")


def _from_hub(reference: str, options: DatasetOptions) -> Dataset:
    """`hf:owner/name` or `hf:owner/name@config`."""
    repository, _, config = reference.removeprefix(SCHEME).partition("@")
    if repository.count("/") != 1:
        raise UsageError(f"'{reference}' is not a dataset of the Hub", "write hf:owner/name or hf:owner/name@config")
    language = options.languages[0] if len(options.languages) == 1 else None
    return HubDataset(repository, config or None, options.split or "test", repository, language)
