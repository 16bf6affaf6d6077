"""JSON: everything that is known, under a versioned schema (docs/transcript.md)."""

from __future__ import annotations

import json
from dataclasses import asdict

from ovw.subtitles.document import Document
from ovw.subtitles.options import PLAIN, LayoutOptions

SCHEMA = "ovw.transcript/1"


def render(document: Document, layout: LayoutOptions = PLAIN) -> str:
    """The document with its segments, times in seconds exactly as decoded: nothing is laid out."""
    data = {
        "schema": SCHEMA,
        "media": document.media,
        "duration": round(document.duration, 3),
        "language": document.language,
        "language_probability": document.language_probability,
        "model": document.model,
        "options": document.options,
        "text": document.text,
        "segments": [asdict(segment) for segment in document.segments],
    }
    return json.dumps(data, ensure_ascii=False, indent=2).encode("utf-8", "replace").decode() + "\n"
