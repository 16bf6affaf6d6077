"""Encoder and decoder: where the time of a window goes, and the cost of a token."""

from __future__ import annotations

import re
from collections.abc import Sequence

import altair as alt

from ovw.record import Metric
from ovw.record_tables import Row, number
from ovw.report.charts.figure import (
    Figure,
    bars_height,
    colour_by,
    colours,
    from_zero,
    layered,
    machine_count,
    machine_suffix,
    name_axis,
    shown,
)
from ovw.report.measured import MeasuredCase, grouped

TOKENS = 100
"""Of the window whose stages are stacked."""
START = ("load", "compile", "first_inference")
WINDOW = ("mel", "encoder", "prefill", "tokens")
ROWS = re.compile(r" (batch|beam_size)=\S+")
"""Settings in a case's name that a series by rows runs over; all others are equal in it."""
TOKEN = re.compile(r"(runner_)?token_(\d+)")


def stage_figures(cases: Sequence[MeasuredCase]) -> list[Figure]:
    """Stages stacked: of the start, and of one window."""
    return [
        *_stacked(cases, "start", START, "Start", "from nothing to the first inference"),
        *_stacked(cases, "window", WINDOW, "One window", f"one window with {TOKENS} tokens, the artifact's own graphs"),
    ]


def _stacked(cases: Sequence[MeasuredCase], name: str, stages: Sequence[str], title: str, about: str) -> list[Figure]:
    machines = machine_count(cases)
    whole = [case for case in cases if len(_parts(case, stages)) == len(stages)]
    figures = []
    for n, group in enumerate(grouped(whole, lambda case: (case.machine_key, *_shape(case))), start=1):
        ordered = sorted(group, key=lambda case: sum(_parts(case, stages).values()))
        rows: list[Row] = [
            {"case": case.label, "stage": stage, "ms": value, "order": stages.index(stage)}
            for case in ordered
            for stage, value in _parts(case, stages).items()
        ]
        mark = (
            alt.Chart()
            .mark_bar()
            .encode(
                y=alt.Y("case:N", sort=[case.label for case in ordered], axis=name_axis()),
                x=alt.X(**from_zero("ms", "milliseconds"), stack="zero"),
                color=colours("stage", stages),
                order=alt.Order("order:Q"),
                tooltip=["case:N", "stage:N", "ms:Q"],
            )
        )
        table = [
            {
                "case": case.label,
                **{stage: number(value) for stage, value in _parts(case, stages).items()},
                "sum": number(sum(_parts(case, stages).values())),
            }
            for case in ordered
        ]
        caption = f"Medians in milliseconds: {about}{_shape_text(group[0])}{machine_suffix(group[0], machines)}."
        chart = layered(rows, mark, height=bars_height(len(ordered)))
        figures.append(Figure(f"{name}-{n}", title, caption, chart, table))
    return figures


def _parts(case: MeasuredCase, stages: Sequence[str]) -> dict[str, float]:
    """Milliseconds of each stage that was measured."""
    found = {}
    for stage in stages:
        name, times = ("token_0", TOKENS) if stage == "tokens" else (stage, 1)
        if metric := case.metrics.get(name):
            found[stage] = times * metric.value
    return found


def _shape(case: MeasuredCase) -> tuple[int, int, int]:
    """Batch, beams and frames: graphs fed otherwise do other work."""
    chosen = case.case.config
    return chosen.get("batch", 1), chosen.get("beam_size", 1), chosen.get("frames", 3000)


def _shape_text(case: MeasuredCase) -> str:
    batch, beams, frames = _shape(case)
    more = [f"batch {batch}"] if batch != 1 else []
    more += [f"{beams} beams"] if beams != 1 else []
    more += [f"{frames} frames"] if frames != 3000 else []
    return f", {', '.join(more)}" if more else ""


def token_figures(cases: Sequence[MeasuredCase]) -> list[Figure]:
    """The cost of a token by the length of the cache, and by the number of rows."""
    machines = machine_count(cases)
    figures = []
    for n, group in enumerate(grouped(cases, lambda case: (case.machine_key, *_shape(case))), start=1):
        where = _shape_text(group[0]) + machine_suffix(group[0], machines)
        if rows := [row for case in group for row in _token_rows(case)]:
            figures += _by_cache(f"token-by-cache-{n}", where, group, rows)
    for n, group in enumerate(grouped(cases, lambda case: case.machine_key), start=1):
        if rows := [row for case in group for row in _token_rows(case)]:
            figures += _by_rows(f"token-by-rows-{n}", machine_suffix(group[0], machines), rows)
    return figures


def _token_rows(case: MeasuredCase) -> list[Row]:
    batch, beams, _ = _shape(case)
    found = []
    for name, metric in case.metrics.items():
        if match := TOKEN.fullmatch(name):
            graph = "runner's graphs" if match[1] else "artifact's graphs"
            found.append(_token_row(case, graph, int(match[2]), batch * beams, metric))
    return found


def _token_row(case: MeasuredCase, graph: str, cache: int, rows: int, metric: Metric) -> Row:
    low, high = metric.ci95 or (None, None)
    return {
        "case": case.label,
        "series": f"{ROWS.sub('', case.label)}, {graph}",
        "graph": graph,
        "cache": cache,
        "rows": rows,
        "ms": metric.value,
        "low": low,
        "high": high,
        "share": metric.value / rows,
        "shown": shown(metric),
    }


def _by_cache(name: str, where: str, group: Sequence[MeasuredCase], rows: Sequence[Row]) -> list[Figure]:
    if len({row["cache"] for row in rows}) < 2:
        return []
    title = "milliseconds a decoder call"
    base = alt.Chart().encode(
        x=alt.X("cache:Q", title="tokens in the cache behind the prompt"),
        color=colour_by([case for case in group if any(row["case"] == case.label for row in rows)]),
    )
    dash = alt.StrokeDash("graph:N", legend=alt.Legend(orient="bottom", title=None))
    marks = [
        base.mark_rule(opacity=0.6).encode(y=alt.Y("low:Q", title=title), y2="high:Q"),
        base.mark_line(point=True).encode(
            y=alt.Y(**from_zero("ms", title)), strokeDash=dash, tooltip=["case:N", "graph:N", "cache:Q", "ms:Q"]
        ),
    ]
    table = [{"case": r["case"], "graphs": r["graph"], "cache": r["cache"], "ms": r["shown"]} for r in rows]
    caption = f"One decoder call with a token for each row{where}. Vertical lines are 95 % intervals."
    return [Figure(name, "Cost of a token by cache length", caption, layered(rows, *marks), table)]


def _by_rows(name: str, where: str, rows: Sequence[Row]) -> list[Figure]:
    shortest = min(row["cache"] for row in rows)
    chosen = sorted((row for row in rows if row["cache"] == shortest), key=lambda row: row["rows"])
    if len({row["rows"] for row in chosen}) < 2:
        return []
    names = list(dict.fromkeys(row["series"] for row in chosen))
    mark = (
        alt.Chart()
        .mark_line(point=True)
        .encode(
            x=alt.X("rows:Q", title="rows: batch x beams", axis=alt.Axis(tickMinStep=1)),
            y=alt.Y(**from_zero("share", "milliseconds a row")),
            color=colours("series", names),
            tooltip=["case:N", "rows:Q", "share:Q"],
        )
    )
    table = [{"case": row["case"], "rows": row["rows"], "ms a row": number(row["share"])} for row in chosen]
    caption = f"A decoder call divided by its rows, {shortest} tokens in the cache{where}."
    return [Figure(name, "Cost of a token by rows", caption, layered(chosen, mark), table)]
