"""SubRip."""

from __future__ import annotations

from ovw.subtitles.cues import clock
from ovw.subtitles.document import Document
from ovw.subtitles.layout import lay_out_words
from ovw.subtitles.options import PLAIN, LayoutOptions


def render(document: Document, layout: LayoutOptions = PLAIN) -> str:
    """Numbered cues, times with a comma."""
    return "".join(
        f"{number}\n{clock(cue.start_ms, ',')} --> {clock(cue.end_ms, ',')}\n{cue.marked_up()}\n\n"
        for number, cue in enumerate(lay_out_words(document, layout), start=1)
    )
