"""`from ovw.evaluate import evaluate`: an evaluation in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ovw.config import build
from ovw.evaluate.config import EvalConfig
from ovw.evaluate.pipeline import evaluate as evaluate_config
from ovw.evaluate.transcription import EvalObserver
from ovw.report.view import RecordView


def evaluate(
    model: str | Path | None = None, dataset: str = "bundled", *, observer: EvalObserver | None = None, **options: Any
) -> RecordView:
    """Word error rate of an artifact on a dataset, with its interval.

        record = evaluate("base-int8", "librispeech", data="test-other.tar.gz", batch_size=16)
        record.metrics["wer"]

    Args:
        model: name or folder of an artifact; the preferred one if not given.
        dataset: as `ovw eval` takes it.
        observer: callbacks for progress.
        **options: other fields of `EvalConfig`.

    Raises:
        OvwError: no model or dataset, or nothing that could be scored.
    """
    wanted = {"dataset": dataset, **({"model": str(model)} if model else {}), **options}
    done = evaluate_config(build(EvalConfig, wanted), observer)
    return RecordView.read(done.folder)
