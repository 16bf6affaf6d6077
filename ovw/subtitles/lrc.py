"""LRC: lyrics with times, for music players."""

from __future__ import annotations

from itertools import zip_longest

from ovw.subtitles.document import Document
from ovw.subtitles.layout import lay_out
from ovw.subtitles.options import PLAIN, LayoutOptions
from ovw.subtitles.text import title

TICK_MS = 10


def render(document: Document, layout: LayoutOptions = PLAIN) -> str:
    """Metadata, then a line a cue; an empty line clears the text where a pause follows."""
    length = int(document.duration)
    lines = [f"[ti:{title(document.media)}]", f"[length:{length // 60:02d}:{length % 60:02d}]", "[re:ovw]"]
    cues = lay_out(document, layout, TICK_MS)
    for cue, following in zip_longest(cues, cues[1:]):
        text = cue.one_line
        lines.append(_clock(cue.start_ms) + (" " if text.startswith("[") else "") + text)  # a bracket could be a time
        if following is None or cue.end_ms < following.start_ms:
            lines.append(_clock(cue.end_ms))
    return "\n".join(lines) + "\n"


def _clock(ms: int) -> str:
    """`[mm:ss.xx]`; minutes go on past 99."""
    minutes, rest = divmod(ms, 60_000)
    return f"[{minutes:02d}:{rest // 1000:02d}.{rest % 1000 // 10:02d}]"
