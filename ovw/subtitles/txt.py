"""Plain text."""

from __future__ import annotations

from ovw.subtitles.document import Document
from ovw.subtitles.layout import lay_out
from ovw.subtitles.options import PLAIN, LayoutOptions


def render(document: Document, layout: LayoutOptions = PLAIN) -> str:
    """The lines of the cues."""
    return "".join(f"{cue.text}\n" for cue in lay_out(document, layout))
