"""`from ovw.benchmark import bench`: a benchmark in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ovw.benchmark.config import BenchConfig
from ovw.benchmark.pipeline import bench as bench_all
from ovw.benchmark.scheduling.schedule import BenchObserver
from ovw.config import build
from ovw.report.view import RecordView

BUDGET_S = 180.0


def bench(*models: str | Path, observer: BenchObserver | None = None, **options: Any) -> RecordView:
    """Measure artifacts, by default all installed ones in at most three minutes.

        record = bench("base-int8", "base-fp16", stages=["encoder", "token"])
        record.chart("window")

    Args:
        *models: names or folders of artifacts.
        observer: callbacks for progress.
        **options: fields of `BenchConfig`.

    Raises:
        OvwError: nothing to measure.
    """
    wanted = {"budget": BUDGET_S, **({"models": [str(model) for model in models]} if models else {}), **options}
    path, _ = bench_all(build(BenchConfig, wanted), observer)
    return RecordView.read(path)
