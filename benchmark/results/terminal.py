"""A benchmark in the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ovw.benchmark.results.compare import Comparison
from ovw.record import Record
from ovw.record_tables import Row
from ovw.report.bench_tables import detail_rows, layer_type_rows, machine_lines, overview_rows, problem_lines

DETAILED = 3
"""Up to so many cases are shown stage by stage."""
WIDE = 160


def print_benchmark(record: Record, path: Path) -> None:
    """Print a record; the path comes last."""
    console = _console()
    for line in machine_lines(record):
        console.print(line, markup=False, style="dim")
    detailed = len(record.cases) <= DETAILED
    print_rows(console, overview_rows(record))
    for case in record.cases if detailed else ():
        if case.metrics:
            console.print(f"\n{case.name}", markup=False, style="bold")
            print_rows(console, detail_rows(case))
    for case in record.cases:
        for stage in ("encoder", "token", "runner_encoder", "runner_token"):
            if rows := layer_type_rows(record, case.name, stage):
                console.print(f"\n{case.name}, layers of {stage}", markup=False, style="bold")
                print_rows(console, rows)
    for line in problem_lines(record):
        console.print(line, markup=False, soft_wrap=True)
    console.print(str(path), markup=False, soft_wrap=True)


def print_comparison(comparison: Comparison) -> None:
    """Print a comparison, what stands against it first."""
    console = _console()
    for line in comparison.warnings:
        console.print(line, markup=False, style="yellow", soft_wrap=True)
    print_rows(console, comparison.rows())
    console.print(comparison.summary(), markup=False, soft_wrap=True)


def print_rows(console: Console, rows: Sequence[Row]) -> None:
    """A table without lines, numbers to the right."""
    if not rows:
        return
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for column in rows[0]:
        values = [row[column] for row in rows]
        numeric = all(str(value)[:1].isdigit() for value in values if value != "")
        table.add_column(column, justify="right" if numeric else "left")
    for row in rows:
        table.add_row(*(Text(str(value)) for value in row.values()))
    console.print(table)


def _console() -> Console:
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=WIDE)
