"""Transcripts made by hand."""

from __future__ import annotations

import re

from ovw.subtitles.document import Document
from ovw.transcribe.result import Segment, Word


def segment(start: float, end: float, text: str, words: tuple[Word, ...] | None = None, number: int = 0) -> Segment:
    return Segment(number, start, end, text, [1], 0.0, -0.5, 1.2, 0.01, 0, words=words)


def spoken(start: float, end: float, text: str, number: int = 0) -> Segment:
    """A segment whose words take turns of equal length."""
    parts = re.findall(r"\s*\S+", text)
    step = (end - start) / len(parts)
    words = tuple(Word(start + i * step, start + (i + 1) * step, part, 0.9) for i, part in enumerate(parts))
    return segment(start, end, text, words, number)


def document(*segments: Segment, duration: float = 9999.0, **options: str) -> Document:
    return Document("talk.mp4", duration, "en", None, segments, {"name": "base"}, {"beam_size": 5, **options})
