"""Resident memory over time."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt

from ovw.record_tables import Row, number
from ovw.report.charts.figure import Figure, colour_by, from_zero, layered, machine_count, machine_suffix
from ovw.report.measured import MeasuredCase, grouped

POINTS = 300
"""Of a line; a process of a minute has ten times as many samples."""


def memory_figures(cases: Sequence[MeasuredCase]) -> list[Figure]:
    """Memory of the processes in which it was watched, a chart for each machine."""
    machines = machine_count(cases)
    watched = [case for case in cases if "rss" in case.metrics and case.metrics["rss"].samples]
    figures = []
    for n, group in enumerate(grouped(watched, lambda case: case.machine_key), start=1):
        rows = [row for case in group for row in _rows(case)]
        mark = (
            alt.Chart()
            .mark_line()
            .encode(
                x=alt.X("share:Q", title="share of the process' life in %"),
                y=alt.Y(**from_zero("mb", "resident memory in MB")),
                color=colour_by(group),
                tooltip=["case:N", "share:Q", "mb:Q"],
            )
        )
        table = [
            {
                "case": case.label,
                "peak in MB": number(max(case.metrics["rss"].samples or (0.0,))),
                "weights on disk in MB": number(case.metrics["weights"].value) if "weights" in case.metrics else "",
            }
            for case in group
        ]
        caption = f"Of the process of a case, in a run of its own{machine_suffix(group[0], machines)}."
        figures.append(Figure(f"memory-{n}", "Memory over time", caption, layered(rows, mark), table))
    return figures


def _rows(case: MeasuredCase) -> list[Row]:
    """Samples thinned out; of each stretch the highest, so that no peak is lost."""
    samples = case.metrics["rss"].samples or ()
    step = max(1, -(-len(samples) // POINTS))
    last = max(1, len(samples) - 1)
    return [
        {"case": case.label, "share": 100 * start / last, "mb": max(samples[start : start + step])}
        for start in range(0, len(samples), step)
    ]
