"""Heat maps of sweeps: cases that differ in two settings alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any

import altair as alt

from ovw.record_tables import Row, number
from ovw.report.charts.figure import Figure, layered
from ovw.report.measured import MeasuredCase, grouped

AXES = ("threads", "streams", "hint", "inference_precision", "shapes", "frames", "batch", "beam_size")
STAGES = {
    "encoder": "encoder, milliseconds a window",
    "runner_encoder": "runner's encoder, milliseconds a window",
    "token_0": "token, milliseconds a row",
    "runner_token_0": "runner's token, milliseconds a row",
}
CELL = 34
LIGHT_TEXT = 0.55
"""Share of the colour scale from which on numbers are white."""


def sweep_figures(cases: Sequence[MeasuredCase]) -> list[Figure]:
    """A heat map for each artifact, stage and pair of settings with at least two values each."""
    figures: list[Figure] = []
    for group in grouped(cases, _subject):
        for first, second in _pairs(group):
            for stage, title in STAGES.items():
                if rows := _cells(group, first, second, stage):
                    name = f"sweep-{len(figures) + 1}"
                    figures.append(_map(name, group[0], (first, second), title, rows))
    return figures


def _subject(case: MeasuredCase) -> tuple[object, ...] | None:
    artifact, device = case.case.artifact, case.case.config.get("device")
    return (id(case.run), case.engine, device, artifact.manifest_sha256) if artifact else None


def _pairs(group: Sequence[MeasuredCase]) -> Iterator[tuple[str, str]]:
    varied = [axis for axis in AXES if len({str(case.case.config.get(axis)) for case in group}) > 1]
    yield from combinations(varied, 2)


def _cells(group: Sequence[MeasuredCase], first: str, second: str, stage: str) -> list[Row]:
    """Cells of the largest set of cases that agree in every other setting."""
    others = [axis for axis in AXES if axis not in (first, second)]
    alike = grouped(
        [case for case in group if stage in case.metrics],
        lambda case: tuple(str(case.case.config.get(axis)) for axis in others),
    )
    largest = max(alike, key=len, default=[])
    if any(len({str(case.case.config.get(axis)) for case in largest}) < 2 for axis in (first, second)):
        return []
    return [
        {
            "x": case.case.config.get(first),
            "y": case.case.config.get(second),
            "ms": case.metrics[stage].value / _rows_of(case, stage),
            "shown": number(case.metrics[stage].value / _rows_of(case, stage)),
        }
        for case in largest
    ]


def _rows_of(case: MeasuredCase, stage: str) -> int:
    batch: int = case.case.config.get("batch", 1)
    beams: int = case.case.config.get("beam_size", 1)
    return batch if "encoder" in stage else batch * beams


def _map(name: str, case: MeasuredCase, axes: tuple[str, str], title: str, rows: list[Row]) -> Figure:
    low, high = min(row["ms"] for row in rows), max(row["ms"] for row in rows)
    base = alt.Chart().encode(
        x=alt.X("x:O", title=_title(axes[0]), sort=_order(rows, "x"), axis=alt.Axis(labelAngle=0)),
        y=alt.Y("y:O", title=_title(axes[1]), sort=_order(rows, "y")),
    )
    white = alt.condition(f"datum.ms > {low + LIGHT_TEXT * (high - low)}", alt.value("white"), alt.value("black"))
    marks = [
        base.mark_rect().encode(
            color=alt.Color("ms:Q", scale=alt.Scale(scheme="viridis", reverse=True), legend=None),
            tooltip=["x:N", "y:N", "ms:Q"],
        ),
        base.mark_text(fontSize=12).encode(text="shown:N", color=white),
    ]
    table = [{_title(axes[0]): row["x"], _title(axes[1]): row["y"], "ms": row["shown"]} for row in rows]
    artifact = case.case.artifact.name if case.case.artifact else case.label
    height = CELL * len({str(row["y"]) for row in rows})
    caption = f"{artifact} with {case.engine}, record {case.run.name}: {title}. Darker is slower."
    return Figure(
        name, f"Sweep of {_title(axes[0])} and {_title(axes[1])}", caption, layered(rows, *marks, height=height), table
    )


def _title(axis: str) -> str:
    return axis.replace("_", " ")


def _order(rows: Sequence[Row], side: str) -> list[Any]:
    values = list(dict.fromkeys(row[side] for row in rows))
    return sorted(values) if all(isinstance(value, int | float) for value in values) else values
