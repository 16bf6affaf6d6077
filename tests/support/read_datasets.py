"""Datasets as the verbs read them."""

from __future__ import annotations

from ovw.config import build
from ovw.datasets.audio import read_clip
from ovw.datasets.fingerprint import fingerprint
from ovw.datasets.resolve import DatasetOptions, utterances
from ovw.datasets.utterance import Item, Problem, Utterance


def items(dataset: object, **options: object) -> list[Item]:
    """Clips and problems of a dataset."""
    return list(utterances(build(DatasetOptions, {"dataset": str(dataset), **options})))


def good(dataset: object, **options: object) -> list[Utterance]:
    """Clips of a dataset without problems."""
    found = items(dataset, **options)
    assert not [item for item in found if isinstance(item, Problem)]
    return found  # type: ignore[return-value]


def prints(found: list[Utterance]) -> str:
    """The fingerprint of clips."""
    return fingerprint((u.id, u.reference, read_clip(u).sha256) for u in found)
