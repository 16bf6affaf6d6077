"""The table of cues: rows for the page, and back to a document after they were edited."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from ovw.errors import OvwError
from ovw.subtitles.cues import MS, clock
from ovw.subtitles.document import Document
from ovw.subtitles.layout import lay_out
from ovw.subtitles.spans import last_tick, segments_of, spans_of
from ovw.subtitles.text import SPACES
from ovw.transcribe.result import Segment

HEADERS = ("start", "end", "text")
TIME = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{1,2})(?:[.,](\d{1,3}))?")
Row = tuple[str, str, str]


def cue_rows(document: Document) -> list[Row]:
    """The cues that a subtitle file would have: start and end as `hh:mm:ss.mmm`, text."""
    return [(clock(cue.start_ms, "."), clock(cue.end_ms, "."), cue.one_line) for cue in lay_out(document)]


def parse_time(text: str) -> int | None:
    """Milliseconds of `hh:mm:ss.mmm`; `None` if it is no time."""
    match = TIME.fullmatch(text.strip())
    if not match or int(match[3]) > 59:
        return None
    hours, minutes, seconds = int(match[1] or 0), int(match[2]), int(match[3])
    return ((hours * 60 + minutes) * 60 + seconds) * MS + int((match[4] or "0").ljust(3, "0"))


def edited(document: Document, rows: Sequence[Sequence[object]]) -> Document:
    """The document with the cues of an edited table; segments that were not touched keep all that is known of them.

    Args:
        document: that the table was made of.
        rows: start, end and text; empty rows are left out.

    Raises:
        OvwError: a time that cannot be read, that lies behind its end or past the media, or cues that overlap.
    """
    spans = spans_of(document.segments, last_tick(document.duration, 1), 1)
    known = dict(zip(cue_rows(document), segments_of(spans, document.segments), strict=True))
    segments: list[Segment] = []
    last_ms, limit_ms = 0, round(document.duration * MS)
    for number, row in enumerate(rows, start=1):
        start_text, end_text, text = (SPACES.sub(" ", str(cell or "")).strip() for cell in row[:3])
        if not (start_text or end_text or text):
            continue
        start, end = _times(number, start_text, end_text, limit_ms)
        if start < last_ms:
            raise OvwError(f"cue {number} starts at {start_text}, before the one above it ends", "change one of them")
        last_ms = end
        if not text:
            continue
        old = known.get((start_text, end_text, text))
        if old is None or (segments and _is_timeless(old[0], document)):  # which would join the cue above
            old = [_new(document, start, end, text)]
        segments += [replace(segment, id=number) for number, segment in enumerate(old, start=len(segments))]
    return replace(document, segments=segments)


def _is_timeless(segment: Segment, document: Document) -> bool:
    return segment.start >= min(segment.end, document.duration)


def _times(number: int, start_text: str, end_text: str, limit_ms: int) -> tuple[int, int]:
    start, end = parse_time(start_text), parse_time(end_text)
    if start is None or end is None:
        wrong = start_text if start is None else end_text
        raise OvwError(f"cue {number}: '{wrong}' is no time", "write it as 00:01:02.500")
    if start >= end:
        raise OvwError(f"cue {number} ends at {end_text}, not after its start at {start_text}", "change one of them")
    if end > limit_ms:
        raise OvwError(
            f"cue {number} ends at {end_text}, past the end of the media at {clock(limit_ms, '.')}", "cut it"
        )
    return start, end


def _new(document: Document, start: int, end: int, text: str) -> Segment:
    """A segment that a person wrote."""
    return Segment(
        id=0,
        start=start / MS,
        end=end / MS,
        text=f" {text}",
        tokens=[],
        temperature=0.0,
        avg_logprob=0.0,
        compression_ratio=0.0,
        no_speech_prob=0.0,
        seek=0,
        language=document.language,
    )
