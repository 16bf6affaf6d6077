"""JSON: everything that is known, under a versioned schema (docs/transcript.md)."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from ovw.subtitles.document import Document
from ovw.subtitles.options import PLAIN, LayoutOptions
from ovw.transcribe.result import Segment

SCHEMA = "ovw.transcript/1"


def render(document: Document, layout: LayoutOptions = PLAIN) -> str:
    """The document with its segments, times in seconds exactly as decoded: nothing is laid out."""
    data = {
        "schema": SCHEMA,
        "media": document.media,
        "duration": round(document.duration, 3),
        "language": document.language,
        "language_probability": document.language_probability,
        "text": document.text,
        "segments": [_described(segment) for segment in document.segments],
        "model": document.model,
        "options": document.options,
    }
    return as_text(data)


def as_text(data: dict[str, Any]) -> str:
    """JSON for a file; halves of surrogate pairs, which UTF-8 cannot hold, become question marks."""
    return json.dumps(data, ensure_ascii=False, indent=2).encode("utf-8", "replace").decode() + "\n"


def as_line(text: str) -> str:
    """A JSON text on one line, as JSON Lines has it."""
    return json.dumps(json.loads(text), ensure_ascii=False) + "\n"


def _described(segment: Segment) -> dict[str, Any]:
    """A segment, with its words where they were timed."""
    found = asdict(segment)
    if segment.words is None:
        del found["words"]
    return found
