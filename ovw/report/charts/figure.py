"""The parts that all charts share: colours, axes, intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import altair as alt

from ovw.record import Metric
from ovw.record_tables import Row, number
from ovw.report.measured import MeasuredCase

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C6BB1", "#7F7F7F")
"""Distinct with every common colour blindness (after Okabe and Ito, 2008)."""
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-right", "triangle-left")
MOST_TICKS = 10
"""About as many lines of an axis; more are a fence."""
ROW_HEIGHT = 26
HEIGHT = 300


@dataclass(frozen=True)
class Figure:
    """A chart with what it shows in words and in numbers.

    Attributes:
        name: unique in a report, for file names and links.
        title: of the chart.
        caption: what is shown and how it is to be read.
        chart: the chart; it takes the width of its place.
        rows: its numbers.
    """

    name: str
    title: str
    caption: str
    chart: alt.LayerChart | alt.Chart
    rows: Sequence[Row]


def colour_by(cases: Sequence[MeasuredCase]) -> alt.Color:
    """Colour and legend by the case, in the same order everywhere; names that are long stay whole."""
    return colours("case", [case.label for case in cases])


def colours(field: str, names: Sequence[str]) -> alt.Color:
    """Colour by a field with these values."""
    palette = [COLOURS[n % len(COLOURS)] for n in range(len(names))]
    return alt.Color(f"{field}:N").scale(domain=list(names), range=palette).legend(_legend(len(names)))


def shapes(field: str, names: Sequence[str]) -> alt.Shape:
    """Shape by a field with these values."""
    chosen = [SHAPES[n % len(SHAPES)] for n in range(len(names))]
    return alt.Shape(f"{field}:N").scale(domain=list(names), range=chosen).legend(_legend(len(names)))


def _legend(entries: int) -> alt.Legend:
    return alt.Legend(orient="bottom", columns=1 if entries <= len(COLOURS) else 2, labelLimit=600, title=None)


def source(rows: Sequence[Row]) -> alt.Data:
    """Rows as the data of a chart."""
    return alt.Data(values=[dict(row) for row in rows])  # type: ignore[no-untyped-call]


def layered(rows: Sequence[Row], *marks: alt.Chart, height: int | None = HEIGHT) -> alt.LayerChart:
    """Marks on top of each other, as wide as the page; those of intervals only where there are some."""
    known = any(row.get("low") is not None for row in rows)
    drawn = [mark for mark in marks if known or not _is_interval(mark)]
    chart = alt.layer(*drawn, data=source(rows)).properties(width="container")
    return cast("alt.LayerChart", chart if height is None else chart.properties(height=height))


def _is_interval(mark: alt.Chart) -> bool:
    """Whether a mark goes from `low` to `high`."""
    encoding = mark.to_dict(validate=False)["encoding"]
    return any(encoding.get(axis, {}).get("field") == "low" for axis in ("x", "y"))


def bars_height(rows: int) -> int:
    """Of a chart with one bar or strip a row."""
    return max(90, ROW_HEIGHT * rows + 20)


def from_zero(field: str, title: str) -> dict[str, Any]:
    """Arguments of a quantitative axis that begins at zero, as every length that is compared must."""
    return {
        "shorthand": f"{field}:Q",
        "title": title,
        "scale": alt.Scale(zero=True),
        "axis": alt.Axis(tickCount=MOST_TICKS),
    }


def interval(metric: Metric) -> dict[str, float | None]:
    """`low` and `high` of a metric's 95 % interval."""
    low, high = metric.ci95 or (None, None)
    return {"low": low, "high": high}


def name_axis() -> alt.Axis:
    """An axis with names, whole as long as they fit half of the chart."""
    return alt.Axis(title=None, labelLimit=260)


def machine_suffix(case: MeasuredCase, machines: int) -> str:
    """The machine, where a report has several."""
    return f" on {case.machine}" if machines > 1 else ""


def machine_count(cases: Sequence[MeasuredCase]) -> int:
    """Of a report."""
    return len({case.machine_key for case in cases})


def shown(metric: Metric) -> str:
    """Value and interval for a table."""
    found = number(metric.value)
    return f"{found} [{number(metric.ci95[0])}, {number(metric.ci95[1])}]" if metric.ci95 else found
