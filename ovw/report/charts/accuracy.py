"""Error rates: against speed with the Pareto front, and by length, language and speaker."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt

from ovw.record import Metric
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
    shapes,
    shown,
)
from ovw.report.eval_tables import breakdowns
from ovw.report.measured import MeasuredCase, grouped
from ovw.scoring.front import pareto_front

MOST_GROUPS = 20
"""Rows of a breakdown that are drawn; a table by speaker may have hundreds."""
UNITS = ("wer", "cer")


def accuracy_figures(cases: Sequence[MeasuredCase]) -> list[Figure]:
    """Error rate against speed, a chart for each set of clips on each machine."""
    figures = []
    machines = machine_count(cases)
    for unit in UNITS:
        scored = [case for case in cases if unit in case.metrics and _speed(case)]
        groups = grouped(scored, lambda case: (case.clips, case.machine_key) if case.clips else None)
        for n, group in enumerate(groups, start=1):
            where = f"{group[0].dataset}{machine_suffix(group[0], machines)}"
            figures.append(_accuracy(unit, f"{unit}-speed-{n}", where, group))
    return figures


def _accuracy(unit: str, name: str, where: str, group: Sequence[MeasuredCase]) -> Figure:
    front = pareto_front([(_rate(case, unit), _speed(case)) for case in group])
    rows: list[Row] = [
        {
            "case": case.label,
            "engine": case.engine,
            "speed": _speed(case),
            "rate": _rate(case, unit),
            **interval(case.metrics[unit]),
            "front": on_front,
        }
        for case, on_front in zip(group, front, strict=True)
    ]
    title = f"{unit.upper()} in %"
    base = alt.Chart().encode(x=alt.X(**from_zero("speed", "speed, times real time (more is better)")))
    marks = [
        base.mark_line(interpolate="step-after", strokeDash=[4, 3], color="#888")
        .encode(y=alt.Y("rate:Q", title=title))
        .transform_filter("datum.front"),
        base.mark_rule(strokeWidth=1.5, opacity=0.6).encode(
            y=alt.Y("low:Q", title=title), y2="high:Q", color=colour_by(group)
        ),
        base.mark_point(size=110, filled=True, opacity=1).encode(
            y=alt.Y(**from_zero("rate", title)),
            color=colour_by(group),
            shape=shapes("engine", sorted({case.engine for case in group})),
            tooltip=["case:N", "engine:N", "speed:Q", "rate:Q", "low:Q", "high:Q"],
        ),
    ]
    table = [
        {
            "case": case.label,
            unit.upper(): f"{shown(case.metrics[unit])} %",
            "speed": f"{number(_speed(case))}x",
            "on the front": "yes" if on_front else "",
        }
        for case, on_front in zip(group, front, strict=True)
    ]
    caption = (
        f"{where}. Lower and further right is better; lines through points are 95 % intervals. The dashed line joins "
        "the cases that no other beats in both."
    )
    return Figure(name, f"{unit.upper()} against speed", caption, layered(rows, *marks), table)


def breakdown_figures(cases: Sequence[MeasuredCase]) -> list[Figure]:
    """Error rates by what the tables of evaluations are by, runs on the same clips side by side."""
    figures = []
    for n, group in enumerate(grouped(cases, lambda case: case.clips), start=1):
        names = dict.fromkeys(name for case in group for name in breakdowns(case.run.record))
        for name in names:
            if made := _breakdown(name, f"by-{name}-{n}", group):
                figures.append(made)
    return figures


def _breakdown(table: str, name: str, group: Sequence[MeasuredCase]) -> Figure | None:
    rows: list[Row] = [
        {
            "case": case.label,
            "group": f"{row[table]}" + (f", {row['metric'].upper()}" if row["metric"] != "wer" else ""),
            "rate": row["value"],
            "low": row.get("ci95_low"),
            "high": row.get("ci95_high"),
            "clips": row["utterances"],
        }
        for case in group
        if case.run.record.kind == "eval" and not case.run.record.cases
        for row in case.run.record.tables.get(table, [])
    ]
    groups = list(dict.fromkeys(row["group"] for row in rows))
    if not rows or len(groups) > MOST_GROUPS:
        return None
    several = len({row["case"] for row in rows}) > 1
    base = alt.Chart().encode(y=alt.Y("group:N", sort=groups, axis=name_axis()))
    if several:
        base = base.encode(yOffset="case:N")
    marks = [
        base.mark_bar().encode(
            x=alt.X(**from_zero("rate", "error rate in %")),
            color=colour_by(group),
            tooltip=["case:N", "group:N", "rate:Q", "low:Q", "high:Q", "clips:Q"],
        ),
        base.mark_rule(strokeWidth=2).encode(x=alt.X("low:Q", title="error rate in %"), x2="high:Q"),
    ]
    shown_rows = [
        {
            table: row["group"],
            "case": row["case"],
            "rate": f"{shown(_as_metric(row))} %",
            "clips": row["clips"],
        }
        for row in rows
    ]
    return Figure(
        name,
        f"Error rate by {table}",
        f"{group[0].dataset}. Lines at the ends of the bars are 95 % intervals; groups of few clips have wide ones.",
        layered(rows, *marks, height=bars_height(len(rows))),
        shown_rows,
    )


def _as_metric(row: Row) -> Metric:
    ends = (row["low"], row["high"]) if row["low"] is not None and row["high"] is not None else None
    return Metric(value=row["rate"], unit="%", ci95=ends)


def _rate(case: MeasuredCase, unit: str) -> float:
    return case.metrics[unit].value


def _speed(case: MeasuredCase) -> float:
    """Seconds of audio for a second of the work that the words are of; 0 where that was not measured."""
    if speed := case.metrics.get("speed"):
        return speed.value
    rtf = case.metrics.get("rtf")
    return 1 / rtf.value if rtf and rtf.value else 0.0
