"""Facts that a record keeps beside its figures: the clips, those that could not be used, the reference."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ovw.artifact.manifest import Manifest
from ovw.datasets.fingerprint import fingerprint
from ovw.datasets.utterance import Dataset, Problem
from ovw.evaluate.reference import Reference
from ovw.evaluate.score import Scored, Unit
from ovw.media_fragment import sharing
from ovw.scoring.hypothesis import Hypothesis
from ovw.scoring.paired import PairedComparison

LISTED = 100
"""Problems named one by one; all are counted."""


def describe_dataset(dataset: Dataset, hypotheses: Sequence[Hypothesis]) -> dict[str, Any]:
    """Which clips were used, with the fingerprint of texts and audio."""
    return {
        "name": dataset.name,
        "origin": dataset.origin,
        "utterances": len(hypotheses),
        "fingerprint": fingerprint((h.id, h.reference, h.audio_sha256 or "") for h in hypotheses),
        "languages": dict(sorted(Counter(h.language or "unknown" for h in hypotheses).items())),
    }


def calibrated_on(manifest: Manifest, hypotheses: Sequence[Hypothesis]) -> list[str]:
    """Ids of scored clips that the artifact was calibrated on: its error rate on them is too good."""
    calibration = manifest.compression.calibration if manifest.compression else None
    is_used = sharing(calibration.audio.values() if calibration else ())
    return [h.id for h in hypotheses if h.audio_sha256 and is_used(h.audio_sha256)]


def describe_problems(scored: Scored, problems: Sequence[Problem], *, silence: bool = False) -> dict[str, Any]:
    """Utterances that could not be used, and why; with `silence`, clips without words are of use."""
    unscored = [h for h, ok in zip(scored.hypotheses, scored.counts.scored, strict=True) if not ok]
    empty = [Problem(h.id, h.audio, "the reference has no words once normalized") for h in unscored]
    found = [*problems, *([] if silence else empty)]
    return {"count": len(found), "listed": [asdict(problem) for problem in found[:LISTED]]}


def describe_reference(reference: Reference, comparisons: Mapping[Unit, PairedComparison]) -> dict[str, Any]:
    """Who was compared with and how that ended."""
    verdicts = {unit: comparison.verdict() for unit, comparison in comparisons.items()}
    counts = {unit: asdict(comparison) for unit, comparison in comparisons.items()}
    return {"name": reference.name, "verdict": verdicts, "comparison": counts}
