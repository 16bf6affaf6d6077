"""Run a job: `PYTHON .../ovw/engines/standalone RESULTS < JOB`; see `measure`."""

from __future__ import annotations

import importlib
import sys

if __name__ == "__main__":
    prefix = f"{__package__}." if __package__ else ""  # run as a folder, its modules stand alone
    sys.exit(importlib.import_module(f"{prefix}measure").main(prefix))
