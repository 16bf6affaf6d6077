"""Statistics of a benchmark: intervals, and when two runs differ."""

import numpy as np
import pytest
from support.bench_rounds import case, metric, record

from ovw.benchmark.results.compare import compare
from ovw.benchmark.results.statistics import (
    mean_interval,
    percentiles,
    ratio,
    round_medians,
    rounds_to_decide,
    student_t,
)
from ovw.cli.bench_compare import require_limit, require_no_regression
from ovw.errors import OvwError, UsageError
from ovw.record import Case, Record, new_record


@pytest.mark.parametrize(
    ("freedom", "confidence", "t"),
    [(1, 0.95, 12.706), (2, 0.99, 9.925), (4, 0.999, 8.610), (8, 0.95, 2.306), (100, 0.95, 1.984)],
)
def test_student_t(freedom: float, confidence: float, t: float) -> None:
    assert student_t(freedom, confidence) == pytest.approx(t, abs=1e-3)


def test_two_runs_of_the_same_thing_are_the_same_and_a_tenth_more_is_found() -> None:
    rng = np.random.default_rng(0)
    hours = rng.normal(0, 0.017, (150, 2, 1))  # the rounds of a run are alike
    same = [ratio(*np.exp(hour + rng.normal(0, 0.03, (2, 5)))) for hour in hours]
    assert sum(not found.differs for found in same) >= 0.9 * 150
    slower = [ratio(*(np.exp(rng.normal(0, 0.02, (2, 5))) * [[10], [11]])) for _ in range(150)]
    assert sum(found.differs and found.value > 1 for found in slower) > 0.95 * 150


def test_ratio_of_what_does_not_scatter_and_of_single_rounds() -> None:
    found = ratio([10.0, 10.0], [10.05, 10.05])
    assert found.low is not None
    assert not found.differs
    assert ratio([10.0] * 3, [12.0] * 3).differs
    alone = ratio([10.0], [20.0])
    assert (alone.value, alone.low, alone.differs) == (pytest.approx(2.0), None, False)


def test_figures_of_samples() -> None:
    assert percentiles(range(1, 101))["p90"] == pytest.approx(90.1)
    assert round_medians([1, 2, 3, 10, 20], [3, 2]) == [2, 15]
    assert mean_interval([5.0, 6.0]) is None
    low, high = mean_interval([9.0, 10.0, 11.0])
    assert low < 9.97 < high


STEADY = ([10.0, 10.1], [10.1, 10.2], [9.9, 10.0])


SLOW = ([12.0, 12.1], [12.1, 12.2], [11.9, 12.0])


@pytest.mark.parametrize(
    ("first", "second", "verdict"),
    [
        (case("c", *STEADY), case("c", *STEADY), "same"),
        (case("c", *STEADY), case("c", *SLOW), "worse"),
        (case("c", *SLOW), case("c", *STEADY), "better"),
        (case("c", *STEADY, unit="/s"), case("c", *SLOW, unit="/s"), "better"),
        (case("c", *STEADY), case("c", *SLOW, noisy=True), "noisy"),
        (case("c", *STEADY), case("c", *SLOW, slowed=0.5), "noisy"),
        (case("c", *STEADY), case("c", [9.0], [10.0], [11.5]), "cannot tell"),
        (case("c", [10.0]), case("c", [20.0]), "one round"),
        (case("c", *STEADY, stage="rtf"), case("c", *SLOW, stage="rtf"), "worse"),
    ],
)
def test_findings(first: Case, second: Case, verdict: str) -> None:
    found = compare(record(first), record(second))
    assert [change.verdict for change in found.changes] == [verdict]
    assert bool(found.regressions(5)) == (verdict == "worse")
    assert not found.regressions(25)
    assert str(found.rows()[0]["finding"]).startswith(verdict)


def test_the_ratio_is_the_quotient_of_what_is_shown() -> None:
    (change,) = compare(record(case("c", [1.0] * 9, [8.0])), record(case("c", [2.0], [3.0] * 9))).changes
    assert (change.first, change.second) == (pytest.approx(8**0.5), pytest.approx(6**0.5))
    assert change.ratio.value == pytest.approx(change.second / change.first)


@pytest.mark.parametrize("spread", [1.5, 30.0])
def test_an_interval_that_is_too_wide_is_unknown(spread: float) -> None:
    cases = [
        Case(name="c", metrics={f"s{n}": metric([1.0], [value]) for n in range(300)}) for value in (spread, 2 * spread)
    ]
    found = compare(record(cases[0]), record(cases[1]))
    assert {row["interval"] for row in found.rows()} == {"unknown"}
    assert {change.verdict for change in found.changes} == {"cannot tell"}
    assert not found.regressions(0)


def test_another_pace_of_the_machine_is_a_warning() -> None:
    one, two, slower = (
        record(case("c", *STEADY), pace={"arithmetic": 2000.0, "memory": rate}) for rate in (9000.0, 8500.0, 3000.0)
    )
    assert not compare(one, two).warnings
    assert compare(one, slower).warnings == ["the machine's pace differs: memory 9,000 -> 3,000 MB/s"]
    assert not compare(one, record(case("c", *STEADY))).warnings


def test_same_is_what_lies_within_the_margin() -> None:
    one, two = record(case("c", [10.0], [10.1], [9.9])), record(case("c", [10.1], [10.2], [10.0]))
    (within,), (outside,) = compare(one, two, 0.10).changes, compare(one, two, 0.012).changes
    assert 1 / 1.1 < within.ratio.low < 1 < within.ratio.high < 1.1
    assert (within.verdict, outside.verdict) == ("same", "cannot tell")


def test_rounds_that_would_tell_do() -> None:
    first, second = [10.0, 10.1, 9.9], [10.4, 10.1, 10.3]
    rounds = rounds_to_decide(first, second, 0.03)
    assert rounds is not None
    assert rounds > 3

    def spread(values: list[float], n: int) -> list[float]:
        """So many rounds of the mean and the variance, on a logarithmic scale, of a few."""
        logs = np.log(values)
        drawn = np.resize([-1.0, 1.0], n)
        drawn -= drawn.mean()
        return list(np.exp(logs.mean() + drawn / drawn.std(ddof=1) * logs.std(ddof=1)))

    def decides(n: int) -> bool:
        found = ratio(spread(first, n), spread(second, n))
        return found.differs or max(1 / found.low, found.high) <= 1.03

    assert decides(rounds)
    assert not decides(rounds - 1)
    assert rounds_to_decide([5.0, 10.0, 20.0], [5.0, 10.0, 20.0], 0.001) is None


def test_what_is_not_compared() -> None:
    other = case("c", *SLOW, stage="rtf", request_sha256="b")
    with pytest.raises(OvwError, match="other options or other audio"):
        compare(record(case("c", *STEADY, stage="rtf", request_sha256="a")), record(other))
    with pytest.raises(OvwError, match="share no case"):
        compare(record(case("a", *STEADY), case("b", *STEADY)), record(case("c", *SLOW)))
    with pytest.raises(OvwError, match="nothing to compare"):
        compare(record(case("c", *STEADY)), record(case("c", *SLOW, status="crashed")))
    with pytest.raises(OvwError) as nothing:
        compare(record(case("c", *STEADY)), record())
    assert nothing.value.hint == "the first has c; the second has no measurement"
    with pytest.raises(OvwError, match="record of ovw eval"):
        compare(record(), new_record("eval", {}))
    renamed = compare(record(case("a", *STEADY)), record(case("b", *SLOW)))
    assert renamed.changes[0].case == "a -> b"
    spoken = compare(record(case("c", *STEADY, text_sha256="a")), record(case("c", *SLOW, text_sha256="b")))
    assert "texts differ" in spoken.warnings[0]
    with pytest.raises(OvwError, match="texts differ"):
        compare(
            record(case("c", *STEADY, stage="rtf", text_sha256="a")),
            record(case("c", *SLOW, stage="rtf", text_sha256="b")),
        )


@pytest.mark.parametrize("side", [0, 1])
def test_texts_that_differ_from_round_to_round_are_not_compared(side: int) -> None:
    work = {"stage": "rtf", "request_sha256": "r", "text_sha256": "t"}
    cases = [case("c", *STEADY, **work), case("c", *SLOW, **work)]
    assert compare(record(cases[0]), record(cases[1])).changes
    cases[side] = cases[side].model_copy(update={"facts": cases[side].facts | {"texts_differ": True}})
    with pytest.raises(OvwError, match="the texts of one differ from round to round"):
        compare(record(cases[0]), record(cases[1]))


def test_many_intervals_hold_together() -> None:
    def many(stages: int) -> Record:
        return record(Case(name="c", metrics={f"s{n}": metric(*STEADY) for n in range(stages)}))

    widths = [compare(many(n), many(n)).changes[0].ratio for n in (1, 20)]
    assert widths[1].high > widths[0].high


def test_another_machine_is_told() -> None:
    first = record(case("c", *STEADY))
    other = first.environment.model_copy(update={"cpu": "another", "packages": {"openvino": "1"}})
    warnings = compare(first, first.model_copy(update={"environment": other})).warnings
    assert any("-> another" in line for line in warnings)
    assert any("-> 1" in line for line in warnings)


def both(name: str, *stages: str, **facts: object) -> Case:
    return Case(name=name, metrics={stage: metric(*STEADY) for stage in stages}, facts={"status": "done", **facts})


@pytest.mark.parametrize(
    ("first", "second", "warning", "lost"),
    [
        ([both("d", "mel")], [], "d: missing in the second record", ["d (missing)"]),
        ([], [both("d", "mel")], "d: missing in the first record", []),
        ([both("d", "mel")], [both("d", status="hang")], "d: hang in the second record", ["d (hang)"]),
        (
            [both("d", "mel")],
            [both("d", status="missing")],
            "d: not installed in the second record",
            ["d (not installed)"],
        ),
        ([both("d", status="crashed")], [both("d", "mel")], "d: crashed in the first record", []),
        (
            [both("d", status="crashed")],
            [both("d", status="hang")],
            "d: crashed in the first record, hang in the second record",
            [],
        ),
        ([both("d", "mel", "load")], [both("d", "mel")], "d: missing in the second record: load", ["d load"]),
        ([both("d", "mel")], [both("d", "mel", "load")], "d: missing in the first record: load", []),
        (
            [both("d", "mel", "rtf", request_sha256="a")],
            [both("d", "mel", left_out={"rtf": "no room"})],
            "d: missing in the second record: rtf (no room)",
            ["d rtf"],
        ),
        ([both("d", "mel", "mel_roofline")], [both("d", "mel")], None, []),
    ],
)
def test_what_one_record_has_alone(first: list[Case], second: list[Case], warning: str | None, lost: list[str]) -> None:
    found = compare(record(both("c", "mel"), *first), record(both("c", "mel"), *second))
    assert found.warnings == ([warning] if warning else [])
    assert found.lost == lost
    if lost:
        with pytest.raises(OvwError, match="not measured in the second record: d"):
            require_no_regression(found, 5)
    else:
        require_no_regression(found, 5)


def test_pipelines_of_different_work_are_not_lost() -> None:
    one, two = (both("c", "mel", "rtf", *more, request_sha256=more[0]) for more in (["latency"], ["offline_rtf"]))
    found = compare(record(one), record(two))
    assert len(found.warnings) == 1
    assert "other options or other audio" in found.warnings[0]
    assert not found.lost


@pytest.mark.parametrize("percent", [float("nan"), float("inf"), -1.0])
def test_limits_that_mean_nothing(percent: float) -> None:
    with pytest.raises(UsageError, match="not a finite number from 0"):
        require_limit(percent)
