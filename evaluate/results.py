"""Everything that is computed from the hypotheses of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ovw.evaluate.config import EvalConfig
from ovw.evaluate.extra_metrics import diacritics_metrics, orthography_metrics, silence_metrics
from ovw.evaluate.reference import on_same_clips
from ovw.evaluate.score import BootstrapOptions, Row, Scored, Unit, compare_with, metrics, score, tables, utterances
from ovw.record import Metric
from ovw.scoring.hypothesis import Hypothesis
from ovw.scoring.paired import PairedComparison
from ovw.scoring.utterances import ScoredUtterance


@dataclass(frozen=True)
class Results:
    """The results of a run.

    Attributes:
        scored: its hypotheses.
        metrics: every figure.
        tables: figures of parts of the clips.
        comparisons: the difference to the reference, where there is one.
        utterances: each with its alignment.
    """

    scored: Scored
    metrics: dict[str, Metric]
    tables: dict[str, list[Row]]
    comparisons: dict[Unit, PairedComparison]
    utterances: list[ScoredUtterance]


def compute_results(
    hypotheses: Sequence[Hypothesis], compared: Sequence[Hypothesis] | None, config: EvalConfig
) -> Results | None:
    """Score hypotheses; `None` if none of them could be scored.

    Args:
        hypotheses: of the run.
        compared: those of the reference, if any.
        config: intervals, and whether silence is scored.

    Raises:
        OvwError: there is no clip that both have.
    """
    scored = score(hypotheses)
    other = score(on_same_clips(compared, hypotheses)) if compared is not None else None
    silence = silence_metrics(scored) if config.score_silence else {}
    if not (scored.counts.scored.any() or silence):
        return None
    sampling = BootstrapOptions(config.interval, config.draws, config.seed)
    comparisons = compare_with(scored, other, sampling) if other else {}
    figures = metrics(scored, sampling)
    extra = diacritics_metrics(hypotheses, figures, sampling) | orthography_metrics(hypotheses, sampling) | silence
    return Results(
        scored,
        figures | extra | _deltas(comparisons),
        tables(scored, sampling),
        comparisons,
        utterances(scored, other),
    )


def _deltas(comparisons: Mapping[Unit, PairedComparison]) -> dict[str, Metric]:
    """The paired difference in percentage points, and the reference's own rate on the same clips."""
    found: dict[str, Metric] = {}
    for unit, comparison in comparisons.items():
        found[f"{unit}_delta"] = Metric(value=comparison.delta, unit="%", ci95=comparison.ci95)
        found[f"{unit}_reference"] = Metric(value=comparison.reference_rate, unit="%")
    return found
