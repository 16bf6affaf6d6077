"""Files that can be read only once: named pipes, `<(command)`, devices."""

from __future__ import annotations

import os
import select
import stat
from pathlib import Path
from typing import BinaryIO

from ovw.errors import OvwError, reason

FIRST_BYTE_S = 60.0
"""Seconds that a pipe may stay without a writer, or a writer silent."""


def is_pipe(path: Path) -> bool:
    """Whether a path leads to something that is neither a file nor a folder, so that nothing can be read twice."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISBLK(mode))


def open_pipe(path: Path, limit_s: float | None = None) -> BinaryIO:
    """Open a pipe for its one reading, once something is in it.

    Args:
        path: of the pipe.
        limit_s: seconds to wait for the first byte, `FIRST_BYTE_S` by default.

    Raises:
        OvwError: it cannot be opened, or nothing comes.
    """
    limit_s = FIRST_BYTE_S if limit_s is None else limit_s
    try:
        # a plain open would wait for a writer, for ever if need be
        file = open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK))  # noqa: SIM115
    except OSError as error:
        hint = "give a file, a pipe, or - for standard input"
        raise OvwError(f"{path}: cannot be read: {reason(error)}", hint) from None
    if not select.select([file], [], [], limit_s)[0]:
        file.close()
        raise OvwError(f"{path}: nothing came in {limit_s:g} seconds", "start what writes into the pipe first")
    os.set_blocking(file.fileno(), True)
    return file
