"""A benchmark in the terminal."""

from __future__ import annotations

from pathlib import Path

from ovw.benchmark.results.compare import Comparison
from ovw.record import Record
from ovw.report.bench_tables import detail_rows, layer_type_rows, machine_lines, overview_rows, problem_lines
from ovw.terminal import output_console, print_rows

DETAILED = 3
"""Up to so many cases are shown stage by stage."""


def print_benchmark(record: Record, path: Path) -> None:
    """Print a record; the path comes last."""
    console = output_console()
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
    console = output_console()
    for line in comparison.warnings:
        console.print(line, markup=False, style="yellow", soft_wrap=True)
    print_rows(console, comparison.rows())
    console.print(comparison.summary(), markup=False, soft_wrap=True)
