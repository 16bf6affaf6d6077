"""Output on stderr: progress where it is a terminal, and warnings."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress


@contextmanager
def progress(*, quiet: bool = False) -> Iterator[Progress]:
    """Bars with speed and time left; nothing at all when stderr is no terminal or silence was asked for."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=quiet or not console.is_terminal, transient=True) as bars:
        yield bars


def log_everything() -> None:
    """Log what happens, to stderr, in the place of warnings only."""
    package = logging.getLogger("ovw")
    package.handlers = [handler for handler in package.handlers if not isinstance(handler, _WarningLines)]
    package.setLevel(logging.NOTSET)
    package.propagate = True
    logging.basicConfig(level=logging.DEBUG, format="%(name)s: %(message)s", force=True)


class _WarningLines(logging.Handler):
    """Looks up stderr at each line: progress bars put their own in its place to print above themselves."""

    def emit(self, record: logging.LogRecord) -> None:
        sys.stderr.write(f"ovw: {record.getMessage()}\n")


def show_warnings(name: str) -> None:
    """Print the warnings of a package as lines, `ovw: talk.mp3: damaged after 00:12:03, transcribed up to there`."""
    package = logging.getLogger(name)
    package.setLevel(logging.WARNING)
    package.addHandler(_WarningLines())
    package.propagate = False
