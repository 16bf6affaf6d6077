"""A child process: `python -m ovw.benchmark.measuring.worker RESULTS < JOB`, results as lines of JSON as they come."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ovw.errors import OvwError, reason
from ovw.lifetime import end_with_parent


def main() -> int:
    """Do the job that stands on stdin; 0 done, 1 not."""
    job = json.load(sys.stdin)
    kind = job.pop("kind")
    with Path(sys.argv[1]).open("a", encoding="utf-8", buffering=1) as stream:

        def emit(result: dict[str, Any]) -> None:
            stream.write(json.dumps(result) + "\n")

        try:
            _work(kind, job, emit)
        except OvwError as error:
            emit({"error": error.message, "hint": error.hint})
            return 1
        except Exception as error:
            emit({"error": f"{type(error).__name__}: {reason(error)}"})
            return 1
        emit({"done": True})
    return 0


def _work(kind: str, job: dict[str, Any], emit: Callable[[dict[str, Any]], None]) -> None:
    if kind == "peaks":
        from ovw.benchmark.case import PeakJob
        from ovw.benchmark.roofline.peaks import measure_peaks

        emit({"facts": measure_peaks(PeakJob(**job))})
        return
    from ovw.benchmark.case import GraphJob

    work = GraphJob(**job)
    if work.layers:
        from ovw.benchmark.measuring.layers import profile_graphs

        profile_graphs(work, emit)
        return
    from ovw.benchmark.measuring.stages import GraphBench

    GraphBench(work, emit).run()


if __name__ == "__main__":  # what takes time to import comes after: until here nothing ends this process
    end_with_parent(int(os.environ["OVW_PARENT"]))
    sys.exit(main())
