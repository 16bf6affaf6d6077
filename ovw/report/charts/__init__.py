"""Charts of a report. A chart is one module with a function from cases to figures, and a line in `FIGURES` here."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ovw.report.charts.accuracy import accuracy_figures, breakdown_figures
from ovw.report.charts.figure import Figure
from ovw.report.charts.graphs import stage_figures, token_figures
from ovw.report.charts.memory import memory_figures
from ovw.report.charts.pipelines import engine_figures, latency_figures
from ovw.report.charts.roofline import roofline_figures
from ovw.report.charts.sweeps import sweep_figures
from ovw.report.charts.trend import trend_figures
from ovw.report.measured import MeasuredCase

FIGURES: tuple[Callable[[Sequence[MeasuredCase]], list[Figure]], ...] = (
    accuracy_figures,
    engine_figures,
    latency_figures,
    breakdown_figures,
    stage_figures,
    token_figures,
    roofline_figures,
    memory_figures,
    sweep_figures,
    trend_figures,
)
"""In the order of the report."""


def all_figures(cases: Sequence[MeasuredCase]) -> list[Figure]:
    """Every chart that these cases have the figures for."""
    return [figure for make in FIGURES for figure in make(cases)]
