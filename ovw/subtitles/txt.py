"""Plain text."""

from __future__ import annotations

from ovw.subtitles.cues import lay_out
from ovw.subtitles.document import Document


def render(document: Document) -> str:
    """A line a segment."""
    return "".join(f"{cue.text}\n" for cue in lay_out(document.segments, document.duration))
