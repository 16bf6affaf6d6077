"""CSV and Markdown made from records."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from ovw.record import Metric, Record, all_cases

Row = dict[str, Any]


def metric_rows(records: Iterable[Record]) -> list[Row]:
    """Every metric of every case as one flat row: the long form that data frames want."""
    return [
        {
            "kind": record.kind,
            "created": record.created,
            "cpu": record.environment.cpu,
            "artifact": case.artifact.name if case.artifact else "",
            "case": case.name,
            "metric": name,
            "value": metric.value,
            "unit": metric.unit,
            "ci95_low": metric.ci95[0] if metric.ci95 else "",
            "ci95_high": metric.ci95[1] if metric.ci95 else "",
            "n_samples": len(metric.samples) if metric.samples else "",
        }
        for record in records
        for case in all_cases(record)
        for name, metric in case.metrics.items()
    ]


def to_csv(rows: Sequence[Row]) -> str:
    """Rows with a header line; keys of the first row name the columns."""
    if not rows:
        return ""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def to_markdown(rows: Sequence[Row]) -> str:
    """A table, numbers to the right."""
    if not rows:
        return ""
    columns = list(rows[0])
    cells = [[_cell(row.get(column)) for column in columns] for row in rows]
    rule = ["---:" if all(_is_number(row.get(column)) for row in rows) else "---" for column in columns]
    return "\n".join(f"| {' | '.join(line)} |" for line in ([_cell(c) for c in columns], rule, *cells)) + "\n"


def to_html(rows: Sequence[Row]) -> str:
    """A table for notebooks."""
    if not rows:
        return ""
    head = "".join(f"<th>{escape(str(column))}</th>" for column in rows[0])
    body = "".join(f"<tr>{''.join(f'<td>{escape(_cell(value))}</td>' for value in row.values())}</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def case_rows(record: Record, metrics: Sequence[str] = ()) -> list[Row]:
    """One row a case, one column a metric, for reading side by side.

    Args:
        record: with or without cases.
        metrics: which, in this order; all if not given.
    """
    cases = all_cases(record)
    names = list(metrics) or list(dict.fromkeys(name for case in cases for name in case.metrics))
    return [
        {"case": case.name, **{name: show(case.metrics[name]) if name in case.metrics else "" for name in names}}
        for case in cases
    ]


def show(metric: Metric) -> str:
    """`4.97 % [4.41, 5.60]`."""
    unit = "" if metric.unit == "1" else f" {metric.unit}"
    interval = f" [{number(metric.ci95[0])}, {number(metric.ci95[1])}]" if metric.ci95 else ""
    return f"{number(metric.value)}{unit}{interval}"


def number(value: float) -> str:
    """At least three digits that mean something; whole numbers whole."""
    if value == int(value):
        return str(int(value))
    return f"{value:.2f}" if abs(value) >= 1 else f"{value:.3g}"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _cell(value: Any) -> str:
    text = number(value) if isinstance(value, float) else "" if value is None else str(value)
    return " ".join(text.replace("|", "\\|").split())
