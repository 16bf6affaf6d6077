"""`verbose_json` of OpenAI's API: what its transcription and translation endpoints answer."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ovw.models import languages
from ovw.subtitles.document import Document
from ovw.subtitles.json_ import as_text
from ovw.subtitles.options import PLAIN, LayoutOptions

OF_SEGMENT = (
    "id", "seek", "start", "end", "text", "tokens", "temperature", "avg_logprob", "compression_ratio", "no_speech_prob",
)  # fmt: skip
"""The keys of a segment, in the API's order."""


def render(document: Document, layout: LayoutOptions = PLAIN) -> str:
    """The document with the API's keys; `words` are there where they were timed. Nothing is laid out."""
    data: dict[str, Any] = {
        "task": document.options.get("task", "transcribe"),
        "language": languages().get(document.text_language, document.text_language),
        "duration": round(document.duration, 3),
        "text": document.text,
        "segments": [_keys_of(asdict(segment)) for segment in document.segments],
    }
    if any(segment.words is not None for segment in document.segments):
        data["words"] = [
            {"word": word.word.strip(), "start": word.start, "end": word.end}
            for segment in document.segments
            for word in segment.words or ()
        ]
    return as_text(data)


def _keys_of(segment: dict[str, Any]) -> dict[str, Any]:
    return {key: segment[key] for key in OF_SEGMENT}
