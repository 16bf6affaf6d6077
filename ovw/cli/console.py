"""The output of a command: results on stdout; progress, notes and warnings on stderr."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from ovw.errors import printable

if TYPE_CHECKING:
    from rich.progress import Progress

    from ovw.config import Config


class Terminal:
    """Where a command prints, and what `-q` leaves of it.

    Args:
        quiet: results and warnings only.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self._stdout = sys.stdout

    def result(self, text: str | bytes, *, newline: bool = True) -> None:
        """Print what the command is for, on stdout; above a bar, and into a file even while there is a bar."""
        typer.echo(text, nl=newline, file=None if self._stdout.isatty() else self._stdout)

    def detail(self, text: str) -> None:
        """A result that `-q` leaves out."""
        if not self.quiet:
            self.result(text)

    def written(self, path: Path) -> None:
        """A file that was written, which `-q` leaves out: escaped on a terminal, elsewhere the bytes of its path."""
        if not self.quiet:
            as_bytes = hasattr(self._stdout, "buffer") and not self._stdout.isatty()
            self.result(os.fsencode(path) if as_bytes else printable(str(path)))

    def lines(self, lines: Iterable[str]) -> None:
        """Results, broken between words where the terminal is narrow."""
        from ovw.terminal import output_console, print_lines

        print_lines(output_console(), lines)

    def rows(self, rows: Sequence[dict[str, Any]]) -> None:
        """Results as a table of any width."""
        from ovw.terminal import output_console, print_rows

        print_rows(output_console(), rows)

    def note(self, text: str) -> None:
        """A line about the work on stderr, which `-q` leaves out."""
        if not self.quiet:
            typer.echo(text, err=True)

    @contextmanager
    def bar(self, text: str, total: int | None = None) -> Iterator[ProgressBar]:
        """A bar with the time taken and the time left; no bar where stderr is no terminal.

        Args:
            text: what is going on.
            total: steps in all; `None` while that is not known.
        """
        if self.quiet or not sys.stderr.isatty():
            yield ProgressBar(None, text, total, quiet=self.quiet)
            return
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[note]}", markup=False),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
            yield ProgressBar(bars, text, total, quiet=self.quiet)


class ProgressBar:
    """The bar of a command.

    Args:
        bars: rich's, on stderr; `None` where no bar is shown.
        text: what is going on.
        total: steps in all, where that is known.
        quiet: print nothing above it.
    """

    def __init__(self, bars: Progress | None, text: str, total: int | None, *, quiet: bool) -> None:
        self._bars, self._quiet = bars, quiet
        if bars:
            self._task = bars.add_task(printable(text), total=total, note="")

    def name(self, text: str) -> None:
        """Change what is going on."""
        self._update(description=printable(text))

    def step(self, text: str) -> None:
        """A step of unknown length begins."""
        self._update(description=printable(text), total=None)

    def at(self, done: int, total: int | None) -> None:
        """Move to `done` of `total`."""
        self._update(completed=done, total=total)

    def downloaded(self, done: int, total: int | None) -> None:
        """Move to `done` of `total` bytes; a total of 0 or `None` is not known."""
        self.at(done, total or None)
        self.remark(f"{done / 1e6:.0f} MB")

    def advance(self) -> None:
        """Move by one."""
        self._update(advance=1)

    def remark(self, text: str) -> None:
        """Put a remark behind the bar."""
        self._update(note=text)

    def print(self, text: str) -> None:
        """A line above the bar, which `-q` leaves out."""
        text = printable(text)
        if self._bars and not self._quiet:
            self._bars.console.print(text, markup=False, highlight=False, soft_wrap=True)
        elif not self._quiet:
            typer.echo(text, err=True)

    def _update(self, **fields: Any) -> None:
        if self._bars:
            self._bars.update(self._task, **fields)


def warn(text: str) -> None:
    """A line on stderr, `ovw: talk.mp3: made by ovw, skipped`."""
    typer.echo(f"ovw: {printable(text)}", err=True)


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
        sys.stderr.write(f"ovw: {printable(record.getMessage())}\n")


def show_warnings(name: str) -> None:
    """Print the warnings of a package as lines, `ovw: talk.mp3: damaged after 00:12:03, transcribed up to there`."""
    package = logging.getLogger(name)
    package.setLevel(logging.WARNING)
    package.addHandler(_WarningLines())
    package.propagate = False


def show_config(config: Config) -> None:
    """Print a resolved configuration as YAML, which `--config` takes."""
    from ovw.config import dump_yaml

    typer.echo(dump_yaml(config), nl=False)
