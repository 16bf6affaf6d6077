"""Whole pipelines: engines side by side and how long single clips take. Other work is never in the same chart."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt

from ovw.record_tables import Row, number
from ovw.report.charts.figure import (
    Figure,
    bars_height,
    colour_by,
    from_zero,
    interval,
    layered,
    machine_count,
    machine_suffix,
    name_axis,
    shown,
)
from ovw.report.measured import MeasuredCase, grouped

MOST_ALONE = 3
"""Cases with work of their own that get a latency chart each; of more there are only the figures in the tables."""
SAME_WORK = "the same audio, the same options and the same text: other work is in a chart of its own"


def engine_figures(cases: Sequence[MeasuredCase]) -> list[Figure]:
    """Real time factors side by side."""
    machines = machine_count(cases)
    groups = [group for group in _same_work(cases, "rtf") if len(group) > 1]
    return [_engines(f"engines-{n}", group, machines) for n, group in enumerate(groups, start=1)]


def _engines(name: str, group: Sequence[MeasuredCase], machines: int) -> Figure:
    ordered = sorted(group, key=lambda case: case.metrics["rtf"].value)
    rows: list[Row] = [
        {"case": case.label, "rtf": case.metrics["rtf"].value, **interval(case.metrics["rtf"])} for case in ordered
    ]
    title = "seconds of work for a second of audio (less is better)"
    base = alt.Chart().encode(y=alt.Y("case:N", sort=[case.label for case in ordered], axis=name_axis()))
    marks = [
        base.mark_bar().encode(
            x=alt.X(**from_zero("rtf", title)),
            color=colour_by(group).legend(None),
            tooltip=["case:N", "rtf:Q", "low:Q", "high:Q"],
        ),
        base.mark_rule(strokeWidth=2).encode(x=alt.X("low:Q", title=title), x2="high:Q"),
    ]
    table = [
        {
            "case": case.label,
            "engine": case.engine,
            "precision": case.precision,
            "RTF": shown(case.metrics["rtf"]),
            "times real time": number(1 / case.metrics["rtf"].value),
        }
        for case in ordered
    ]
    caption = f"{group[0].dataset}{machine_suffix(group[0], machines)}: {SAME_WORK}. Lines are 95 % intervals."
    return Figure(name, "Engines side by side", caption, layered(rows, *marks, height=bars_height(len(rows))), table)


def latency_figures(cases: Sequence[MeasuredCase]) -> list[Figure]:
    """Every pass over a clip as a tick, with the median."""
    machines = machine_count(cases)
    groups = _same_work(cases, "latency")
    if sum(len(group) == 1 for group in groups) > MOST_ALONE:
        groups = [group for group in groups if len(group) > 1]
    return [_latency(f"latency-{n}", group, machines) for n, group in enumerate(groups, start=1)]


def _latency(name: str, group: Sequence[MeasuredCase], machines: int) -> Figure:
    ordered = sorted(group, key=lambda case: case.metrics["latency"].value)
    rows: list[Row] = [
        {"case": case.label, "ms": sample} for case in ordered for sample in case.metrics["latency"].samples or ()
    ]
    title = "milliseconds a clip"
    base = alt.Chart().encode(
        y=alt.Y("case:N", sort=[case.label for case in ordered], axis=name_axis()),
        color=colour_by(group).legend(None),
    )
    marks = [
        base.mark_tick(thickness=1.5, opacity=0.5).encode(
            x=alt.X(**from_zero("ms", title)), tooltip=["case:N", "ms:Q"]
        ),
        base.mark_point(filled=True, size=90, opacity=1, shape="diamond").encode(
            x=alt.X("median(ms):Q", title=title), tooltip=["case:N", "median(ms):Q"]
        ),
    ]
    table = []
    for case in ordered:
        metric = case.metrics["latency"]
        levels = {level: number(value) for level, value in (metric.percentiles or {}).items()}
        table.append({"case": case.label, **levels, "passes": len(metric.samples or ())})
    caption = (
        f"{group[0].dataset}{machine_suffix(group[0], machines)}: {SAME_WORK}. A tick is one pass over one clip, the "
        "diamond their median."
    )
    return Figure(name, "Latency", caption, layered(rows, *marks, height=bars_height(len(ordered))), table)


def _same_work(cases: Sequence[MeasuredCase], metric: str) -> list[list[MeasuredCase]]:
    measured = [case for case in cases if metric in case.metrics and case.pipeline_work]
    return grouped(measured, lambda case: (case.pipeline_work, case.machine_key))
