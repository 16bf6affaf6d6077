"""The document that every format is rendered from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ovw.transcribe.result import Segment


@dataclass(frozen=True)
class Document:
    """A finished transcription.

    Attributes:
        media: name of the file.
        duration: seconds of audio.
        language: code.
        language_probability: of a detected language; `None` when it was given.
        segments: in time order.
        model: name, precision and arithmetic of the model.
        options: the decoding options in force.
    """

    media: str
    duration: float
    language: str
    language_probability: float | None
    segments: Sequence[Segment]
    model: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        return "".join(segment.text for segment in self.segments).strip()

    @property
    def text_language(self) -> str:
        """Code of the language of the text, which is English where it was translated."""
        return "en" if self.options.get("task") == "translate" else self.language
