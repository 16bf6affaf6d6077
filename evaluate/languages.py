"""The languages of the clips of a run: which scoring rules hold, and a warning where they are a stopgap."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from ovw.datasets.resolve import DatasetOptions, choose
from ovw.datasets.utterance import Dataset, Item, Utterance
from ovw.evaluate.config import EvalConfig
from ovw.models import languages

logger = logging.getLogger(__name__)

Counted = Counter[str | None]
"""Clips by language."""


def assumed_language(config: EvalConfig, known: Sequence[str]) -> str | None:
    """The language of clips that have none: that of a model with just one, unless the request has another."""
    return known[0] if config.language is None and len(known) == 1 else None


def in_language(items: Iterable[Item], assumed: str | None) -> Iterator[Item]:
    """Items of a dataset; clips without a language get the assumed one."""
    for item in items:
        if isinstance(item, Utterance) and item.language is None:
            item = replace(item, language=assumed)
        yield item


def list_languages(options: DatasetOptions, dataset: Dataset, assumed: str | None = None) -> Counted | None:
    """The languages of the clips asked for; of a stream they are not known beforehand."""
    if dataset.streamed:
        return None
    items = in_language(choose(dataset, options), assumed)
    return Counter(item.language for item in items if isinstance(item, Utterance))


def warn_of_languages(counted: Counted) -> None:
    """Warn once of each language that Whisper does not know, and of clips without any."""
    for language, clips in counted.items():
        noun = "clip has" if clips == 1 else "clips have"
        if language is None:
            logger.warning("%d %s no language: scored by the basic rules; --language sets it", clips, noun)
        elif language not in languages():
            logger.warning(
                "%d %s the language '%s', which Whisper does not know: scored by the basic rules; --language sets it",
                clips, noun, language,
            )  # fmt: skip
