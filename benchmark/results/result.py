"""A case as it grows: rounds are added one by one, and every figure is made anew from the raw values."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from hashlib import sha256
from statistics import median
from typing import Any

from ovw.benchmark.case import LAYERS_OF
from ovw.benchmark.clips import ClipFile
from ovw.benchmark.measuring.noise import noise_limit
from ovw.benchmark.measuring.pace import Pace
from ovw.benchmark.outcome import Outcome
from ovw.benchmark.results.statistics import mean_interval, percentiles, round_medians
from ovw.record import ENDED_BADLY, Case, Metric
from ovw.record_tables import Row
from ovw.scoring.language import scored_language
from ovw.transcribe.options import AUTO, TranscribeOptions

Texts = dict[int, str]
FAILED_LATER = "failed_later"
"""Key of a case that came to a bad end behind whole rounds, while its memory was watched or its layers were timed."""


def add_round(case: Case, outcomes: Sequence[Outcome]) -> Case:
    """Add what the processes of a round measured, one that came to nothing too, with how it ended.

    Args:
        case: so far.
        outcomes: of the round's processes.
    """
    metrics, facts = dict(case.metrics), dict(case.facts)
    for outcome in outcomes:
        for result in outcome.results:
            if "stage" in result and result["samples"]:
                metrics[result["stage"]] = _grown(metrics.get(result["stage"]), result)
            facts["left_out"] = facts.get("left_out", {}) | result.get("left_out", {})
        facts |= outcome.describe()
        facts |= _text_facts(facts, outcome) if outcome.ending == "done" else {}
    facts |= _ending(outcomes)
    facts["rounds"] = facts.get("rounds", 0) + 1
    known = [outcome.others for outcome in outcomes if outcome.others is not None]
    facts["others"] = [*facts.get("others", []), *([max(known)] if known else [])]
    facts["throttled"] = [*facts.get("throttled", []), max((outcome.throttled for outcome in outcomes), default=0.0)]
    if paces := [outcome.pace for outcome in outcomes if outcome.pace]:
        facts["pace"] = [*facts.get("pace", []), reduce(Pace.slower_of, paces).describe()]
    facts["noisy"] = _is_noisy(facts)
    return case.model_copy(update={"metrics": metrics, "facts": facts})


def failed_later(case: Case) -> bool:
    """Whether a case came to a bad end behind whole rounds; its layers are then timed again."""
    return FAILED_LATER in case.facts


def whole_rounds(case: Case) -> Case:
    """A case that came to a bad end, as it was after its last whole round: measured, or empty if there was none."""
    facts = {name: value for name, value in case.facts.items() if name not in ("status", "reason", FAILED_LATER)}
    whole = facts.get("rounds", 1) - (not failed_later(case))
    if whole < 1:
        return case.model_copy(update={"metrics": {}, "facts": {}})
    if failed_later(case) and "left_out" in facts:
        facts["left_out"] = {name: why for name, why in facts["left_out"].items() if not name.startswith(LAYERS_OF)}
    facts |= {name: facts[name][:whole] for name in ("others", "throttled", "pace") if name in facts}
    facts |= {"status": "done", "rounds": whole, "noisy": _is_noisy(facts)}
    metrics = {name: _of_rounds(metric, whole) for name, metric in case.metrics.items()}
    return case.model_copy(update={"metrics": metrics, "facts": facts})


def add_memory(case: Case, outcome: Outcome, weights_mb: float | None) -> Case:
    """Add a process's memory over time.

    Args:
        case: so far.
        outcome: of a process that was watched.
        weights_mb: of the model on disk, where that is known.
    """
    case = add_ending(case, outcome)
    if not outcome.rss_mb or outcome.ending != "done":
        return case
    peak = max(outcome.rss_mb)
    metrics = case.metrics | {
        "peak_rss": Metric(value=peak, unit="MB"),
        "rss": Metric(value=round(median(outcome.rss_mb), 1), unit="MB", samples=tuple(outcome.rss_mb)),
    }
    if weights_mb:
        metrics["weights"] = Metric(value=round(weights_mb, 1), unit="MB")
        metrics["weights_share"] = Metric(value=round(100 * weights_mb / peak, 1), unit="%")
    return case.model_copy(update={"metrics": metrics})


def add_layers(case: Case, outcome: Outcome) -> tuple[Case, list[Row]]:
    """The case behind a process that timed its layers, and a row for each, of whole graphs if that came to a bad end.

    Args:
        case: so far.
        outcome: of the process.
    """
    left_out = dict(case.facts.get("left_out", {}))
    for result in outcome.results:
        left_out |= result.get("left_out", {})
    rows = [{"case": case.name, **row} for result in outcome.results for row in result.get("layers", [])]
    grown = case.model_copy(update={"facts": case.facts | {"left_out": left_out}})
    return add_ending(grown, outcome), rows


def add_ending(case: Case, outcome: Outcome) -> Case:
    """A case behind a process that adds no round: failed where that came to a bad end."""
    if outcome.ending not in ENDED_BADLY:
        return case
    return case.model_copy(update={"facts": case.facts | _ending([outcome]) | {FAILED_LATER: True}})


def _grown(metric: Metric | None, result: dict[str, Any]) -> Metric:
    """A metric with a round more."""
    samples = (*(metric.samples or () if metric else ()), *result["samples"])
    rounds = (*(metric.rounds or () if metric else ()), len(result["samples"]))
    return _metric(result["unit"], samples, rounds)


def _of_rounds(metric: Metric, count: int) -> Metric:
    """A metric without the rounds after the first ones."""
    if not metric.rounds or not metric.samples or len(metric.rounds) <= count:
        return metric
    rounds = metric.rounds[:count]
    return _metric(metric.unit, metric.samples[: sum(rounds)], rounds)


def _metric(unit: str, samples: tuple[float, ...], rounds: tuple[int, ...]) -> Metric:
    return Metric(
        value=round(float(median(samples)), 6),
        unit=unit,
        ci95=mean_interval(round_medians(samples, rounds)),
        samples=samples,
        rounds=rounds,
        percentiles=percentiles(samples),
    )


def _is_noisy(facts: dict[str, Any]) -> bool:
    return bool(facts.get("others")) and median(facts["others"]) > noise_limit()


def _ending(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Status of the round: that of the worst of its processes."""
    for outcome in outcomes:
        if outcome.ending != "done":
            return {"status": outcome.ending, "reason": outcome.reason}
    return {"status": "done"}


def _text_facts(facts: dict[str, Any], outcome: Outcome) -> dict[str, Any]:
    """The text of a pipeline: its hash, its tokens, and whether it was equal in every round."""
    texts = texts_of(outcome)
    if not texts:
        return {}
    digest = sha256("\n".join(texts.values()).encode()).hexdigest()
    tokens = [result["tokens"] for result in outcome.results if "text" in result]
    found: dict[str, Any] = {"text_sha256": digest}
    if all(count is not None for count in tokens):
        found["tokens"] = sum(tokens)
    if facts.get("text_sha256", digest) != digest:
        found["texts_differ"] = True
    return found


def hypothesis_rows(name: str, clips: Sequence[ClipFile], texts: Texts, options: TranscribeOptions) -> list[Row]:
    """A row for each text of a case, with the reference and the language by which it is scored."""
    asked = None if options.language == AUTO else options.language
    return [
        {
            "case": name,
            "id": clips[n].id,
            "language": scored_language(asked, clips[n].language, translate=options.task == "translate"),
            "reference": clips[n].reference or "",
            "hypothesis": text,
        }
        for n, text in texts.items()
    ]


def texts_of(outcome: Outcome) -> Texts:
    """Texts by the number of their clip."""
    return {result["clip"]: result["text"] for result in outcome.results if "text" in result}
