"""`ovw bench compare`: what is faster or slower, and whether that can be known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import isinf
from statistics import geometric_mean
from typing import Literal

from ovw.benchmark.measuring.pace import SLOWED
from ovw.benchmark.results.statistics import CONFIDENCE, Ratio, ratio, round_medians, rounds_to_decide
from ovw.errors import OvwError
from ovw.record import ROOFS, Case, Metric, Record, has_failed, is_skipped
from ovw.record_tables import Row, number

Verdict = Literal["same", "better", "worse", "cannot tell", "noisy", "one round"]
MARGIN = 0.05
"""Within this share of each other two measurements are the same."""
RATES = ("/s", "x")
"""Units of which more is better."""
PIPELINE = ("latency", "rtf", "offline_rtf")
"""Metrics that are compared where the pipelines did the same work."""


@dataclass(frozen=True)
class Change:
    """One metric of one case in both records.

    Attributes:
        case: its name.
        metric: its name.
        first, second: geometric means of the medians of the rounds, of which `ratio` is the quotient.
        unit: of both.
        ratio: of second over first.
        noisy: whether something else disturbed either of them.
        margin: share within which they are the same.
        rounds: of each side, after which there would be a verdict; `None` if no sensible number would do.
    """

    case: str
    metric: str
    first: float
    second: float
    unit: str
    ratio: Ratio
    noisy: bool
    margin: float = MARGIN
    rounds: int | None = None

    @property
    def verdict(self) -> Verdict:
        """`better` or `worse` where the interval excludes 1, `same` where it lies within the margin.

        There is no finding from a disturbed measurement or a single round.
        """
        if self.noisy:
            return "noisy"
        if self.ratio.low is None or self.ratio.high is None:
            return "one round"
        if not self.ratio.differs:
            within = min(self.ratio.low, 1 / self.ratio.high) >= 1 / (1 + self.margin)
            return "same" if within else "cannot tell"
        return "better" if (self.ratio.value < 1) != (self.unit in RATES) else "worse"

    @property
    def finding(self) -> str:
        """The verdict, and how many rounds would give one."""
        if self.verdict != "cannot tell":
            return self.verdict
        return f"cannot tell, {self.rounds} rounds could" if self.rounds else "cannot tell, too noisy"

    @property
    def regression(self) -> float:
        """Change for the worse in percent; below 0 for the better."""
        return 100 * ((1 / self.ratio.value if self.unit in RATES else self.ratio.value) - 1)


@dataclass(frozen=True)
class Comparison:
    """Two records side by side.

    Attributes:
        changes: of what both have.
        warnings: other differences.
        lost: cases and metrics of the first record that were not measured in the second.
    """

    changes: Sequence[Change]
    warnings: Sequence[str]
    lost: Sequence[str] = ()

    def regressions(self, most: float) -> list[Change]:
        """Changes that are certainly worse, by more than so many percent."""
        return [change for change in self.changes if change.verdict == "worse" and change.regression > most]

    def rows(self) -> list[Row]:
        """One row a change."""
        return [
            {
                "case": change.case,
                "metric": change.metric,
                "first": f"{number(change.first)} {change.unit if change.unit != '1' else ''}".strip(),
                "second": f"{number(change.second)} {change.unit if change.unit != '1' else ''}".strip(),
                "ratio": f"{change.ratio.value:.3f}",
                "interval": _interval(change.ratio),
                "finding": change.finding,
            }
            for change in self.changes
        ]

    def summary(self) -> str:
        """The number of each finding."""
        found = [change.verdict for change in self.changes]
        listed = [f"{found.count(verdict)} {verdict}" for verdict in dict.fromkeys(found)]
        return f"{', '.join(listed)}; the intervals hold together with {CONFIDENCE:.0%} confidence"


def compare(first: Record, second: Record, margin: float = MARGIN) -> Comparison:
    """Compare the cases that two records share, or the only case of each.

    The more there is to compare, the more would differ by chance, so the intervals are widened (Bonferroni): all of
    them hold together with 95 % confidence.

    Args:
        first: of `ovw bench`.
        second: the same.
        margin: share within which two measurements are the same.

    Raises:
        OvwError: nothing that could be compared.
    """
    for record in (first, second):
        if record.kind != "bench":
            raise OvwError(f"a record of ovw {record.kind} has no times to compare", "ovw bench -o writes one")
    pairs = list(_pairs(first, second))
    warnings = _machine_differences(first, second) + _pace_differences(first, second)
    failures, lost = _unmeasured(first, second, pairs)
    usable = []
    for one, two in pairs:
        if difference := work_difference(one, two):
            warnings.append(f"{two.name}: not all compared: {difference}")
        names = [_comparable(case, same_work=not difference) for case in (one, two)]
        usable += [(one, two, name) for name in names[0] if name in names[1]]
        lines, gone = _unshared(two, *names)
        warnings += lines
        lost += gone
    warnings += failures
    if not usable:
        none = [] if pairs else ["they share no case that was measured in both"]
        listed = "; ".join(none + warnings)
        has = [", ".join(case.name for case in one.cases) or "no measurement" for one in (first, second)]
        raise OvwError(f"nothing to compare: {listed}", f"the first has {has[0]}; the second has {has[1]}")
    confidence = 1 - (1 - CONFIDENCE) / len(usable)
    return Comparison([_change(one, two, name, confidence, margin) for one, two, name in usable], warnings, lost)


def work_difference(one: Case, two: Case) -> str:
    """Why two pipelines did different work, empty if they did the same: other texts take another number of steps."""
    if not (_has_pipeline(one) and _has_pipeline(two)):
        return ""
    if one.facts.get("request_sha256") != two.facts.get("request_sha256"):
        return "the pipelines had other options or other audio"
    if one.facts.get("text_sha256") != two.facts.get("text_sha256"):
        return f"the texts differ, {one.facts.get('tokens')} -> {two.facts.get('tokens')} tokens"
    if one.facts.get("texts_differ") or two.facts.get("texts_differ"):
        return "the texts of one differ from round to round"
    return ""


def _has_pipeline(case: Case) -> bool:
    return not {"request_sha256", "text_sha256"}.isdisjoint(case.facts) or not case.metrics.keys().isdisjoint(PIPELINE)


def _pairs(first: Record, second: Record) -> Iterator[tuple[Case, Case]]:
    """Cases that both have and that were measured in both."""
    names = {case.name: case for case in first.cases}
    shared = [(names[case.name], case) for case in second.cases if case.name in names]
    if not shared and len(first.cases) == len(second.cases) == 1:
        shared = [(first.cases[0], second.cases[0])]
    yield from ((one, two) for one, two in shared if not (_ending(one) or _ending(two)))


def _ending(case: Case | None) -> str:
    """Why a case was not measured; empty if it was."""
    if case is None:
        return "missing"
    if is_skipped(case):
        return "not installed"
    return str(case.facts["status"]) if has_failed(case) else ""


def _unmeasured(first: Record, second: Record, pairs: Sequence[tuple[Case, Case]]) -> tuple[list[str], list[str]]:
    """A line for each case that is not measured in both records, and the cases that only the first measured."""
    ones, twos = ({case.name: case for case in record.cases} for record in (first, second))
    paired = {case.name for pair in pairs for case in pair}
    lines, lost = [], []
    for name in {**ones, **twos}:
        if name in paired:
            continue
        endings = _ending(ones.get(name)), _ending(twos.get(name))
        where = zip(endings, ("first", "second"), strict=True)
        lines.append(f"{name}: " + ", ".join(f"{ending} in the {side} record" for ending, side in where if ending))
        if not endings[0]:
            lost.append(f"{name} ({endings[1]})")
    return lines, lost


def _unshared(case: Case, first: Sequence[str], second: Sequence[str]) -> tuple[list[str], list[str]]:
    """A line for the metrics of a case that each record has alone, and those of the first.

    Args:
        case: in the second record.
        first: names of the metrics that can be compared.
        second: the same.
    """
    gone = [name for name in first if name not in second]
    new = [name for name in second if name not in first]
    left_out = case.facts.get("left_out", {})
    shown = [f"{name} ({left_out[name]})" if name in left_out else name for name in gone]
    lines = [f"{case.name}: missing in the second record: {', '.join(shown)}"] if gone else []
    lines += [f"{case.name}: missing in the first record: {', '.join(new)}"] if new else []
    return lines, [f"{case.name} {name}" for name in gone]


def _comparable(case: Case, *, same_work: bool) -> list[str]:
    """Metrics that are times, rates or sizes with a value for each round; a pipeline's only if both did one work."""
    return [
        name
        for name, metric in case.metrics.items()
        if not name.endswith(ROOFS)
        and (same_work or name not in PIPELINE)
        and metric.rounds
        and min(metric.samples or (0,)) > 0
    ]


def _change(one: Case, two: Case, name: str, confidence: float, margin: float) -> Change:
    a, b = (_medians(case.metrics[name]) for case in (one, two))
    found = ratio(a, b, confidence)
    noisy = any(case.facts.get(name) for case in (one, two) for name in ("noisy", "slowed"))
    case = one.name if one.name == two.name else f"{one.name} -> {two.name}"
    unit = one.metrics[name].unit
    change = Change(case, name, geometric_mean(a), geometric_mean(b), unit, found, noisy, margin)
    if change.verdict != "cannot tell":
        return change
    return replace(change, rounds=rounds_to_decide(a, b, margin, confidence))


def _medians(metric: Metric) -> list[float]:
    return round_medians(metric.samples or (), metric.rounds or ())


def _pace_differences(first: Record, second: Record) -> list[str]:
    """A machine that was slower as such in one of them, whatever ran on it."""
    one, two = (record.facts.get("pace") or {} for record in (first, second))
    return [
        f"the machine's pace differs: {name} {one[name]:,.0f} -> {two[name]:,.0f} MB/s"
        for name in one
        if name in two and not SLOWED <= two[name] / one[name] <= 1 / SLOWED
    ]


def _machine_differences(first: Record, second: Record) -> list[str]:
    """Other changes between the two: the machine, or installed packages."""
    one, two = first.environment, second.environment
    found = [
        f"{name} differs: {getattr(one, name)} -> {getattr(two, name)}"
        for name in ("cpu", "usable_cores", "container_cpus", "governor")
        if getattr(one, name) != getattr(two, name)
    ]
    versions = [
        f"{name} {one.packages.get(name, 'none')} -> {two.packages.get(name, 'none')}"
        for name in sorted({*one.packages, *two.packages})
        if one.packages.get(name) != two.packages.get(name)
    ]
    return found + ([f"versions differ: {', '.join(versions)}"] if versions else [])


def _interval(found: Ratio) -> str:
    if found.low is None or found.high is None:
        return ""
    return "unknown" if isinf(found.high) else f"{found.low:.3f}..{found.high:.3f}"
