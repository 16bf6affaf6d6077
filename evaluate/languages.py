"""The languages of the clips of a run: which scoring rules hold, and a warning where they are a stopgap."""

from __future__ import annotations

import logging
from collections import Counter

from ovw.datasets.resolve import DatasetOptions, choose
from ovw.datasets.utterance import Dataset, Utterance
from ovw.models import languages

logger = logging.getLogger(__name__)

Counted = Counter[str | None]
"""Clips by language."""


def list_languages(options: DatasetOptions, dataset: Dataset) -> Counted | None:
    """The languages of the clips asked for; of a stream they are not known beforehand."""
    if dataset.streamed:
        return None
    return Counter(item.language for item in choose(dataset, options) if isinstance(item, Utterance))


def warn_of_languages(counted: Counted) -> None:
    """Warn once of each language that Whisper does not know."""
    for language, clips in counted.items():
        if language is not None and language not in languages():
            noun = "clip" if clips == 1 else "clips"
            logger.warning(
                "Whisper does not know '%s', the language of %d %s: it is detected, and scored by the basic rules; "
                "--language sets it",
                language, clips, noun,
            )  # fmt: skip
