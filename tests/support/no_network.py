"""Importing this keeps the test process and all that it starts from the network; see `socket_guard/sitecustomize.py`."""

from __future__ import annotations

import os
import runpy
import tempfile
from pathlib import Path

GUARD = Path(__file__).parent / "socket_guard"
LOG = Path(tempfile.mkdtemp(prefix="ovw-tests-")) / "sockets.log"

os.environ["OVW_TEST_SOCKETS_LOG"] = str(LOG)
os.environ["PYTHONPATH"] = os.pathsep.join([str(GUARD), *filter(None, [os.environ.get("PYTHONPATH")])])
runpy.run_path(str(GUARD / "sitecustomize.py"))
