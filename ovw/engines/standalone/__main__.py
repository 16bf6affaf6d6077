"""Run a job: `PYTHON .../ovw/engines/standalone RESULTS < JOB`; see `measure`."""

from __future__ import annotations

import ctypes
import importlib
import os
import signal
import sys

if __name__ == "__main__":
    # run as a folder, there may be no ovw here whose import turns OpenVINO's usage reports off, as ovw.telemetry does
    if not __package__ and os.environ.get("OVW_TELEMETRY", "").strip().lower() not in ("1", "true", "yes", "on"):
        sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: not to outlive the benchmark
        if os.getppid() != int(os.environ.get("OVW_PARENT", os.getppid())):
            os._exit(1)
    prefix = f"{__package__}." if __package__ else ""  # run as a folder, its modules stand alone
    sys.exit(importlib.import_module(f"{prefix}measure").main(prefix))
