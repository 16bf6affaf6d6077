"""Tab-separated values as openai-whisper writes them: never quoted, whole milliseconds."""

from __future__ import annotations

from ovw.subtitles.document import Document
from ovw.subtitles.layout import lay_out
from ovw.subtitles.options import PLAIN, LayoutOptions

HEADER = "start\tend\ttext"


def render(document: Document, layout: LayoutOptions = PLAIN) -> str:
    """A header, then a line a cue."""
    rows = (f"{cue.start_ms}\t{cue.end_ms}\t{cue.one_line}\n" for cue in lay_out(document, layout))
    return f"{HEADER}\n" + "".join(rows)
