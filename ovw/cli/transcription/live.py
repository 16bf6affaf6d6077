"""Segments on the terminal while a file is decoded."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import typer

from ovw.subtitles.cues import MS, clock
from ovw.subtitles.text import clean

if TYPE_CHECKING:
    from ovw.transcribe.result import Segment


class SegmentPrinter:
    """Prints segments as they are decoded, above the progress bar; nothing where standard output is no terminal.

    Args:
        wanted: whether they are to be printed at all.
        titles: whether each file's segments stand below its name.
    """

    def __init__(self, *, wanted: bool, titles: bool) -> None:
        self._active = wanted and sys.stdout.isatty()
        self._titles = titles

    def begin(self, name: str) -> None:
        """Print the name of a file, if there are several."""
        if self._active and self._titles:
            typer.echo(f"{clean(name)}:")

    def print(self, segment: Segment) -> None:
        """Print the times and the text of a segment."""
        if self._active:
            typer.echo(segment_line(segment))


def segment_line(segment: Segment) -> str:
    """`[00:00:01.000 --> 00:00:02.500]  Good morning.`."""
    start, end = (clock(round(seconds * MS), ".") for seconds in (segment.start, segment.end))
    return f"[{start} --> {end}]  {' '.join(clean(segment.text).split())}"
