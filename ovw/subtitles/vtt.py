"""WebVTT."""

from __future__ import annotations

from html import escape

from ovw.subtitles.cues import clock
from ovw.subtitles.document import Document
from ovw.subtitles.layout import lay_out_words
from ovw.subtitles.options import PLAIN, LayoutOptions


def render(document: Document, layout: LayoutOptions = PLAIN) -> str:
    """A header, then cues; `&`, `<` and `>` are escaped, as the format demands."""
    return "WEBVTT\n\n" + "".join(
        f"{clock(cue.start_ms, '.')} --> {clock(cue.end_ms, '.')}\n{cue.marked_up(escaped)}\n\n"
        for cue in lay_out_words(document, layout)
    )


def escaped(text: str) -> str:
    """Text that holds no tags or entities."""
    return escape(text, quote=False)
