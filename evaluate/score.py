"""From hypotheses to figures: rates with intervals, tables, the utterances, the difference to a reference."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ovw.choices import BootstrapUnit
from ovw.record import Metric
from ovw.scoring.bootstrap import DRAWS, Interval, by_cluster, rate_interval
from ovw.scoring.counts import KINDS, Counts, Pair, count
from ovw.scoring.flags import flags
from ovw.scoring.hypothesis import Hypothesis
from ovw.scoring.normalizer import by_characters, normalize
from ovw.scoring.paired import PairedComparison, compare
from ovw.scoring.utterances import ScoredUtterance, align_utterance

LENGTHS_S = (5.0, 10.0, 20.0, 30.0)
"""Bounds of the table by length: up to 5 s, up to 10 s, ..."""
Unit = Literal["wer", "cer"]
UNITS: tuple[Unit, ...] = ("wer", "cer")
MOST_CONFUSIONS = 10
"""Errors of each kind in the table of the most frequent ones."""
Row = dict[str, Any]


@dataclass(frozen=True)
class BootstrapOptions:
    """Options of confidence intervals: the unit drawn, how often, from which seed."""

    unit: BootstrapUnit = "utterance"
    draws: int = DRAWS
    seed: int = 0

    def rate_interval(
        self, speakers: Sequence[str | None], errors: NDArray[np.int64], lengths: NDArray[np.int64]
    ) -> Interval | None:
        """95 % confidence interval of the rate of n utterances, in percent; `None` for fewer than two units."""
        columns = (errors, lengths) if self.unit == "utterance" else by_cluster(speakers, errors, lengths)
        return rate_interval(*columns, draws=self.draws, seed=self.seed)


@dataclass(frozen=True)
class Scored:
    """Scored hypotheses, by id so that the order in which they came plays no part.

    Attributes:
        hypotheses: n of them.
        counts: n each.
        characters: [n], scored by characters.
    """

    hypotheses: list[Hypothesis]
    counts: Counts
    characters: NDArray[np.bool_]

    def part(self, unit: Unit) -> NDArray[np.bool_]:
        """The utterances [n] that go into WER or CER."""
        wanted: NDArray[np.bool_] = self.counts.scored & (self.characters == (unit == "cer"))
        return wanted

    @property
    def units(self) -> list[Unit]:
        return [unit for unit in UNITS if self.part(unit).any()]


def score(hypotheses: Sequence[Hypothesis], rules: Callable[[str, str | None], str] = normalize) -> Scored:
    """Normalize and align every hypothesis."""
    ordered = sorted(hypotheses, key=lambda h: h.id)
    counts = count([Pair(h.reference, h.hypothesis, h.language) for h in ordered], rules)
    return Scored(ordered, counts, np.array([by_characters(h.language) for h in ordered], np.bool_))


def metrics(scored: Scored, sampling: BootstrapOptions) -> dict[str, Metric]:
    """Every figure of a run."""
    found: dict[str, Metric] = {}
    for unit in scored.units:
        found |= rates(scored, unit, sampling)
    used = [h for h, ok in zip(scored.hypotheses, scored.counts.scored, strict=True) if ok]
    found["utterances"] = Metric(value=len(used), unit="1")
    audio_s, work_s = sum(h.duration_s for h in used), sum(h.seconds or 0 for h in used)
    found["audio"] = Metric(value=audio_s, unit="s")
    if work_s and audio_s:
        found["rtf"] = Metric(value=work_s / audio_s, unit="1")
        found["speed"] = Metric(value=audio_s / work_s, unit="x")
    if used:
        again = sum((h.temperature or 0) > 0 for h in used)
        found["fallback_rate"] = Metric(value=100 * again / len(used), unit="%")
        marked = zip(all_flags(scored), scored.counts.scored, strict=True)
        flagged = sum(bool({"repeats", "invents"} & set(flags)) for flags, ok in marked if ok)
        found["hallucination_rate"] = Metric(value=100 * flagged / len(used), unit="%")
    return found


def rates(scored: Scored, unit: Unit, sampling: BootstrapOptions) -> dict[str, Metric]:
    """The rate of a unit with its interval, and the counts that it is made of."""
    which = scored.part(unit)
    counts = scored.counts.take(which)
    prefix, noun = ("", "words") if unit == "wer" else ("cer_", "characters")
    ci95 = sampling.rate_interval(speakers_of(scored, which), counts.errors, counts.lengths)
    parts = {
        noun: counts.lengths,
        f"{prefix}hits": counts.hits,
        f"{prefix}substitutions": counts.substitutions,
        f"{prefix}deletions": counts.deletions,
        f"{prefix}insertions": counts.insertions,
    }
    return {
        unit: Metric(value=counts.rate(), unit="%", ci95=ci95),
        **{name: Metric(value=int(part.sum()), unit="1") for name, part in parts.items()},
    }


def speakers_of(scored: Scored, which: NDArray[np.bool_]) -> list[str | None]:
    """The speakers of some utterances."""
    return [h.speaker for h, ok in zip(scored.hypotheses, which, strict=True) if ok]


def all_flags(scored: Scored) -> list[tuple[str, ...]]:
    """Suspicious signs of each hypothesis, n of them."""
    c = scored.counts
    columns = zip(scored.hypotheses, c.lengths.tolist(), c.insertions.tolist(), c.deletions.tolist(), strict=True)
    return [flags(h.hypothesis, length, inserted, deleted) for h, length, inserted, deleted in columns]


def compare_with(scored: Scored, reference: Scored, sampling: BootstrapOptions) -> dict[Unit, PairedComparison]:
    """The difference to another system on the utterances both have, for WER and CER apart."""
    places = {h.id: i for i, h in enumerate(reference.hypotheses)}
    found: dict[Unit, PairedComparison] = {}
    for unit in scored.units:
        mine = np.array(
            [ok and h.id in places for h, ok in zip(scored.hypotheses, scored.part(unit), strict=True)], np.bool_
        )
        theirs = np.array([places[h.id] for h, ok in zip(scored.hypotheses, mine, strict=True) if ok], np.int64)
        if not len(theirs):
            continue
        found[unit] = compare(
            scored.counts.errors[mine],
            reference.counts.errors[theirs],
            scored.counts.lengths[mine],
            speakers=speakers_of(scored, mine) if sampling.unit == "speaker" else None,
            draws=sampling.draws,
            seed=sampling.seed,
        )
    return found


def tables(scored: Scored, sampling: BootstrapOptions) -> dict[str, list[Row]]:
    """WER or CER by length, speaker and language, where there is more than one of them; the most frequent errors."""
    groups: dict[str, Callable[[Hypothesis], Any]] = {
        "length": lambda h: length_class(h.duration_s),
        "speaker": lambda h: h.speaker or "",
        "language": lambda h: h.language or "",
    }
    made = {name: _table(scored, name, key, sampling) for name, key in groups.items()}
    kept = {name: rows for name, rows in made.items() if len(rows) > 1 or name == "length"}
    return kept | {"confusions": confusions(scored)}


def confusions(scored: Scored) -> list[Row]:
    """The most frequent substitutions, deletions and insertions of words and of characters."""
    rows = []
    for unit in scored.units:
        seen = Counter(error for errors in scored.counts.take(scored.part(unit)).confusions for error in errors)
        ordered = sorted(seen.items(), key=lambda entry: (-entry[1], entry[0]))
        for kind in KINDS[1:]:
            alike = [(error, times) for error, times in ordered if error[0] == kind]
            rows += [
                {"metric": unit, "kind": kind, "reference": reference, "hypothesis": hypothesis, "count": times}
                for (_, reference, hypothesis), times in alike[:MOST_CONFUSIONS]
            ]
    return rows


def _table(scored: Scored, name: str, key: Callable[[Hypothesis], Any], sampling: BootstrapOptions) -> list[Row]:
    labels = [key(h) for h in scored.hypotheses]
    rows = []
    for unit in scored.units:
        part = scored.part(unit)
        chosen = sorted((label, i) for i, label in enumerate(labels) if part[i])
        for label, group in groupby(chosen, key=lambda entry: entry[0]):
            which = np.zeros(len(labels), np.bool_)
            which[[i for _, i in group]] = True
            rows.append(_row(scored, unit, which, name, label, sampling))
    return rows


def _row(
    scored: Scored, unit: Unit, which: NDArray[np.bool_], name: str, label: Any, sampling: BootstrapOptions
) -> Row:
    counts = scored.counts.take(which)
    ci95 = sampling.rate_interval(speakers_of(scored, which), counts.errors, counts.lengths)
    audio_s = sum(h.duration_s for h, ok in zip(scored.hypotheses, which, strict=True) if ok)
    return {
        name: label if name != "length" else LENGTH_NAMES[label],
        "metric": unit,
        "value": counts.rate(),
        "ci95_low": ci95[0] if ci95 else None,
        "ci95_high": ci95[1] if ci95 else None,
        "utterances": int(which.sum()),
        "length_in_units": int(counts.lengths.sum()),
        "audio_s": audio_s,
    }


def length_class(duration_s: float) -> int:
    """Which row of the table by length a clip belongs to."""
    return int(np.searchsorted(LENGTHS_S, duration_s))


LENGTH_NAMES = (
    f"up to {LENGTHS_S[0]:g} s",
    *(f"{low:g} to {high:g} s" for low, high in pairwise(LENGTHS_S)),
    f"over {LENGTHS_S[-1]:g} s",
)


def utterances(scored: Scored, reference: Scored | None = None) -> list[ScoredUtterance]:
    """Every utterance with its alignment; nothing is counted again.

    Args:
        scored: the run.
        reference: another system on the same clips.
    """
    c = scored.counts
    theirs = {h.id: h for h in reference.hypotheses} if reference else {}
    columns = zip(scored.hypotheses, c.each(), c.lengths.tolist(), all_flags(scored), strict=True)
    return [align_utterance(h, errors, length, flags, theirs.get(h.id)) for h, errors, length, flags in columns]


def flag_counts(scored: Scored) -> dict[str, int]:
    """The number of hypotheses with each flag."""
    return dict(sorted(Counter(flag for flags in all_flags(scored) for flag in flags).items()))
