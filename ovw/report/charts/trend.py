"""Measurements that records of several dates share."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import altair as alt

from ovw.record_tables import Row
from ovw.report.charts.figure import Figure, colours, from_zero, interval, layered, shown
from ovw.report.measured import MeasuredCase

METRICS = {
    "wer": "WER in %",
    "cer": "CER in %",
    "rtf": "seconds of work for a second of audio",
    "encoder": "encoder in milliseconds",
    "token_0": "token in milliseconds",
    "peak_rss": "peak memory in MB",
}
PIPELINE = ("rtf",)
"""Times of whole pipelines: the same text too."""


def trend_figures(cases: Sequence[MeasuredCase]) -> list[Figure]:
    """A chart for each metric that at least two records of other times share for the same work."""
    figures = []
    for metric, title in METRICS.items():
        series = _series(cases, metric)
        if rows := [row for name, members in series.items() for row in _rows(name, members, metric)]:
            figures.append(_trend(f"trend-{metric.replace('_', '-')}", title, list(series), rows))
    return figures


def _series(cases: Sequence[MeasuredCase], metric: str) -> dict[str, list[MeasuredCase]]:
    """Cases that did the same work on the same machine at two times or more, by name."""
    found: dict[tuple[str, ...], list[MeasuredCase]] = defaultdict(list)
    for case in cases:
        if metric in case.metrics and (work := _work(case, metric)):
            found[case.case.name, case.run.record.kind, *case.machine_key, work].append(case)
    several = [group for group in found.values() if len({case.run.record.created for case in group}) > 1]
    names = [_name(group[0]) for group in several]
    return {
        name if names.count(name) == 1 else f"{name} ({n})": group
        for n, (name, group) in enumerate(zip(names, several, strict=True), start=1)
    }


def _name(case: MeasuredCase) -> str:
    if case.run.record.kind == "bench" or not case.case.artifact:
        return case.case.name
    return f"{case.case.artifact.name} on {case.dataset}"


def _work(case: MeasuredCase, metric: str) -> str | None:
    """Equal within a trend: text and options of a pipeline, the clips of a rate, the settings of a graph."""
    if case.run.record.kind == "eval":
        artifact = case.case.artifact
        decoding = str({key: case.config.get(key) for key in ("beam_size", "batch_size", "exact", "temperature")})
        return f"{case.clips} {artifact.name if artifact else ''} {decoding}"
    if metric in PIPELINE:
        return case.pipeline_work
    if metric == "peak_rss":
        return f"{case.config.get('stages')} {case.pipeline_work}"
    return case.clips if metric in ("wer", "cer") else "graphs"


def _rows(name: str, group: Sequence[MeasuredCase], metric: str) -> list[Row]:
    return [
        {
            "series": name,
            "created": case.run.record.created,
            "value": case.metrics[metric].value,
            **interval(case.metrics[metric]),
            "shown": shown(case.metrics[metric]),
        }
        for case in sorted(group, key=lambda case: case.run.record.created)
    ]


def _trend(name: str, title: str, series: Sequence[str], rows: list[Row]) -> Figure:
    base = alt.Chart().encode(x=alt.X("created:T", title=None), color=colours("series", series))
    marks = [
        base.mark_rule(opacity=0.6).encode(y=alt.Y("low:Q", title=title), y2="high:Q"),
        base.mark_line(point=True).encode(
            y=alt.Y(**from_zero("value", title)), tooltip=["series:N", "created:T", "value:Q", "low:Q", "high:Q"]
        ),
    ]
    table = [{"case": row["series"], "date": row["created"], title: row["shown"]} for row in rows]
    caption = "The same work on the same machine. Vertical lines are 95 % intervals."
    return Figure(name, f"Trend: {title}", caption, layered(rows, *marks), table)
