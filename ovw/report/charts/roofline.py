"""The roofline of each machine (Williams, Waterman and Patterson, 2009)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from ovw.record import peak_key
from ovw.record_tables import Row
from ovw.report.charts.figure import Figure, colour_by, layered, shapes, source
from ovw.report.measured import MeasuredCase, grouped


def roofline_figures(cases: Sequence[MeasuredCase]) -> list[Figure]:
    """A chart for each record with a roofline and each set of peaks in it."""
    figures: list[Figure] = []
    for group in grouped(cases, lambda case: id(case.run.record) if "roofline" in case.run.record.tables else None):
        for key, peaks in group[0].run.record.facts.get("peaks", {}).items():
            chosen = [case for case in group if peak_key(case.case.config) == key]
            if points := _points(chosen):
                figures.append(_roofline(f"roofline-{len(figures) + 1}", group[0], key, peaks, chosen, points))
    return figures


def _points(cases: Sequence[MeasuredCase]) -> list[Row]:
    """Stages with work to count: operations a byte, and rate reached."""
    labels = {case.case.name: case.label for case in cases}
    rows = cases[0].run.record.tables["roofline"] if cases else []
    return [
        {
            "case": labels[row["case"]],
            "stage": row["stage"],
            "intensity": 1000 * row["gflop"] / row["megabytes"],
            "gflops": row["gflops"],
            "percent": row["percent"],
            "bound": row["bound"],
        }
        for row in rows
        if row["case"] in labels and row["megabytes"] and row["gflops"]
    ]


def _roofline(
    name: str, first: MeasuredCase, key: str, peaks: Mapping[str, Any], cases: Sequence[MeasuredCase], points: list[Row]
) -> Figure:
    gbps = peaks["gbps"][-1][1]
    roofs = [row for arithmetic, rate in peaks["gflops"].items() for row in _roof(arithmetic, rate, gbps, points)]
    x = alt.X("intensity:Q", title="operations a byte", scale=alt.Scale(type="log"))
    y = alt.Y("gflops:Q", title="GFLOPS", scale=alt.Scale(type="log"))
    marks = [
        alt.Chart(source(roofs))
        .mark_line(color="#888")
        .encode(x=x, y=y, detail="arithmetic:N", strokeDash=alt.StrokeDash("arithmetic:N", legend=_legend())),
        alt.Chart()
        .mark_point(filled=True, size=90, opacity=1)
        .encode(
            x=x,
            y=y,
            color=colour_by(cases),
            shape=shapes("stage", list(dict.fromkeys(row["stage"] for row in points))),
            tooltip=["case:N", "stage:N", "intensity:Q", "gflops:Q", "percent:Q", "bound:N"],
        ),
    ]
    table = [
        {
            "case": row["case"],
            "stage": row["stage"],
            "operations a byte": round(row["intensity"], 1),
            "GFLOPS": row["gflops"],
            "of the roof": f"{row['percent']:.0f} %",
            "bound": row["bound"],
        }
        for row in points
    ]
    rates = ", ".join(f"{arithmetic} {rate:.0f}" for arithmetic, rate in peaks["gflops"].items())
    caption = (
        f"{first.machine} ({key}). Lines are the measured limits: {rates} GFLOPS, and {gbps:.0f} GB/s from memory; "
        "both axes are logarithmic. A stage with data that fits a cache may lie above the memory's slope."
    )
    return Figure(name, "Roofline", caption, layered(points, *marks), table)


def _legend() -> alt.Legend:
    return alt.Legend(orient="bottom", title=None)


def _roof(arithmetic: str, rate: float, gbps: float, points: Sequence[Row]) -> list[Row]:
    """The line of one arithmetic: the memory's slope up to the ridge, then flat."""
    ridge = rate / gbps
    left = min(0.5 * min(row["intensity"] for row in points), 0.5 * ridge)
    right = max(2 * max(row["intensity"] for row in points), 2 * ridge)
    return [{"arithmetic": arithmetic, "intensity": at, "gflops": min(rate, at * gbps)} for at in (left, ridge, right)]
