"""Output of `ovw bench compare`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import typer

from ovw.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from ovw.benchmark.results.compare import Comparison

FORMATS = ("table", "json", "csv", "md")


def print_as(comparison: Comparison, form: str) -> None:
    """Print a comparison.

    Raises:
        UsageError: no such format.
    """
    from ovw.record_tables import to_csv, to_markdown

    if form not in FORMATS:
        raise UsageError(f"no format '{form}'", did_you_mean(form, FORMATS))
    if form == "table":
        from ovw.benchmark.results.terminal import print_comparison

        print_comparison(comparison)
    elif form == "json":
        typer.echo(json.dumps({"warnings": list(comparison.warnings), "changes": comparison.rows()}, indent=2))
    else:
        typer.echo((to_csv if form == "csv" else to_markdown)(comparison.rows()), nl=False)
