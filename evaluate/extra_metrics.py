"""Figures beside the error rate: texts made up over silence, rates that keep vowel signs, punctuation and case."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import numpy as np

from ovw.evaluate.score import UNITS, BootstrapOptions, Scored, rates, score
from ovw.record import Metric
from ovw.scoring.counts import Pair
from ovw.scoring.hypothesis import Hypothesis
from ovw.scoring.normalizer import by_characters, has_diacritics, normalize, normalize_keeping_diacritics
from ovw.scoring.orthography import compare_orthography

logger = logging.getLogger(__name__)


def silence_metrics(scored: Scored) -> dict[str, Metric]:
    """Hallucinations over clips without speech: those whose reference has no words once normalized.

    They have no error rate, since they have no words; their insertions are counted here.
    """
    silent = [h for h, ok in zip(scored.hypotheses, scored.counts.scored, strict=True) if not ok]
    if not silent:
        return {}
    inserted = [_length(h) for h in silent]
    minutes = sum(h.duration_s for h in silent) / 60
    found = {
        "silence_clips": Metric(value=len(silent), unit="1"),
        "silence_insertions": Metric(value=sum(inserted), unit="1"),
        "silence_hallucination_rate": Metric(value=100 * sum(map(bool, inserted)) / len(silent), unit="%"),
    }
    if minutes:
        found["silence_insertions_per_minute"] = Metric(value=sum(inserted) / minutes, unit="1/min")
    return found


def _length(hypothesis: Hypothesis) -> int:
    """Words of a text, or characters in a language without spaces."""
    text = normalize(hypothesis.hypothesis, hypothesis.language)
    return len(text) if by_characters(hypothesis.language) else len(text.split())


def diacritics_metrics(
    hypotheses: Sequence[Hypothesis], metrics: Mapping[str, Metric], sampling: BootstrapOptions
) -> dict[str, Metric]:
    """The rates again with vowel signs and other marks kept, where texts have any; a difference is logged.

    Whisper's normalizer replaces marks by spaces, so that words of Indic and other scripts that differ in a vowel sign
    alone count as equal.
    """
    if not any(has_diacritics(text) for h in hypotheses for text in (h.reference, h.hypothesis)):
        return {}
    scored = score(hypotheses, normalize_keeping_diacritics)
    found = {}
    for unit in (unit for unit in UNITS if unit in scored.units):
        found[f"{unit}_with_marks"] = kept = rates(scored, unit, sampling)[unit]
        if unit in metrics and kept.value != metrics[unit].value:
            logger.warning(
                "%s is %.2f %% by Whisper's normalizer, which drops vowel signs and other marks, %.2f %% with them",
                unit.upper(), metrics[unit].value, kept.value,
            )  # fmt: skip
    return found


def orthography_metrics(hypotheses: Sequence[Hypothesis], sampling: BootstrapOptions) -> dict[str, Metric]:
    """Errors of punctuation and case in words that are right, where references are written with both."""
    found = [compare_orthography(Pair(h.reference, h.hypothesis, h.language)) for h in hypotheses]
    counts = {
        "punctuation": ([one.punctuation for one in found], [one.punctuation_errors for one in found]),
        "case": ([one.capitals for one in found], [one.case_errors for one in found]),
    }
    metrics: dict[str, Metric] = {}
    for name, (of, wrong) in counts.items():
        if sum(of):
            ci95 = sampling.rate_interval([h.speaker for h in hypotheses], np.array(wrong), np.array(of))
            metrics[f"{name}_error_rate"] = Metric(value=100 * sum(wrong) / sum(of), unit="%", ci95=ci95)
            metrics[f"{name}_errors"] = Metric(value=sum(wrong), unit="1")
    return metrics
