"""Output of `ovw bench compare`."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import typer

from ovw.cli.console import warn
from ovw.errors import OvwError, UsageError, did_you_mean

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
        for line in comparison.warnings:
            warn(line)
        typer.echo((to_csv if form == "csv" else to_markdown)(comparison.rows()), nl=False)


def require_limit(percent: float | None) -> None:
    """Refuse a `--max-regression` that no change could exceed, or every one.

    Raises:
        UsageError: not finite, or below 0.
    """
    if percent is not None and not (math.isfinite(percent) and percent >= 0):
        raise UsageError(f"--max-regression {percent:g} is not a finite number from 0", "such as --max-regression 5")


def require_no_regression(comparison: Comparison, percent: float) -> None:
    """Fail where the second record is worse, or has not measured something that the first has.

    Args:
        comparison: of the two.
        percent: by which it may be worse.

    Raises:
        OvwError: with what is worse or missing.
    """
    worse = [f"{one.case} {one.metric} +{one.regression:.1f} %" for one in comparison.regressions(percent)]
    found = [f"slower by more than {percent:g} %: {', '.join(worse)}"] if worse else []
    if comparison.lost:
        found.append(f"not measured in the second record: {', '.join(comparison.lost)}")
    if found:
        raise OvwError("; ".join(found))
