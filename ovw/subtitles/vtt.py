"""WebVTT."""

from __future__ import annotations

from html import escape

from ovw.subtitles.cues import clock, lay_out
from ovw.subtitles.document import Document


def render(document: Document) -> str:
    """A header, then cues; `&`, `<` and `>` are escaped, as the format demands."""
    cues = lay_out(document.segments, document.duration)
    return "WEBVTT\n\n" + "".join(
        f"{clock(cue.start_ms, '.')} --> {clock(cue.end_ms, '.')}\n{escape(cue.text, quote=False)}\n\n" for cue in cues
    )
