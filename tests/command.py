"""Run `ovw` as a user does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

OVW = [sys.executable, "-m", "ovw"]


def ovw(
    *args: object, cwd: Path | None = None, home: Path | None = None, code: int = 0
) -> subprocess.CompletedProcess[str]:
    """The finished process; its exit code is as expected and there is no traceback."""
    environment = os.environ | {"COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"}
    if home:
        environment["OVW_HOME"] = str(home)
    done = subprocess.run(
        [*OVW, *map(str, args)], capture_output=True, text=True, cwd=cwd, env=environment, stdin=subprocess.DEVNULL
    )
    assert done.returncode == code, done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    return done


def refused(*args: object, code: int, cwd: Path | None = None, home: Path | None = None) -> str:
    """The one line in which a request is refused."""
    done = ovw(*args, code=code, cwd=cwd, home=home)
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("ovw: ")
    assert "Hint: " in lines[0]
    return lines[0]
