"""One row a case over all records, and what may not be compared in it."""

from __future__ import annotations

from collections.abc import Sequence

from ovw.record_tables import Row, show
from ovw.report.measured import MeasuredCase, grouped

FIGURES = {
    "wer": "WER",
    "cer": "CER",
    "speed": "speed",
    "rtf": "RTF",
    "latency": "latency",
    "encoder": "encoder",
    "token_0": "token",
    "peak_rss": "peak memory",
}
"""Columns, by metric."""


def overview_rows(cases: Sequence[MeasuredCase]) -> list[Row]:
    """Every case with its main figures; columns that are equal or empty everywhere are left out."""
    figures = [name for name in FIGURES if any(name in case.metrics for case in cases)]
    several_machines = len({case.machine_key for case in cases}) > 1
    return [
        {
            "case": case.label,
            "kind": case.run.record.kind,
            "engine": case.engine,
            "precision": case.precision,
            "work": case.dataset,
            **({"machine": case.machine} if several_machines else {}),
            **{FIGURES[name]: show(case.metrics[name]) if name in case.metrics else "" for name in figures},
        }
        for case in cases
    ]


def compared_lines(cases: Sequence[MeasuredCase]) -> list[str]:
    """Notes on figures that stand in one table but are not of the same work."""
    notes = []
    timed = [case for case in cases if "rtf" in case.metrics and case.run.record.kind == "bench"]
    if len(grouped(timed, lambda case: (case.pipeline_work, case.machine_key))) > 1:
        notes.append(
            "Some pipelines differ in audio, options, text or machine: their times are not compared with each other."
        )
    noisy = [case.label for case in cases if case.case.facts.get("noisy")]
    if noisy:
        notes.append(f"Measured while other processes took part of the cores: {', '.join(noisy)}.")
    slowed = [case.label for case in cases if case.case.facts.get("slowed")]
    if slowed:
        notes.append(f"Measured while the machine was slower than in the rest of the record: {', '.join(slowed)}.")
    return notes
