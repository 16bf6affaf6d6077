"""SubRip."""

from __future__ import annotations

from ovw.subtitles.cues import clock, lay_out
from ovw.subtitles.document import Document


def render(document: Document) -> str:
    """Numbered cues, times with a comma."""
    cues = lay_out(document.segments, document.duration)
    return "".join(
        f"{number}\n{clock(cue.start_ms, ',')} --> {clock(cue.end_ms, ',')}\n{cue.text}\n\n"
        for number, cue in enumerate(cues, start=1)
    )
