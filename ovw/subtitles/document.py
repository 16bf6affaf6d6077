"""The document that every format is rendered from."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ovw.transcribe.result import Segment

if TYPE_CHECKING:
    from ovw.transcribe.api import Transcription, Whisper

logger = logging.getLogger(__name__)


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


def document_of(name: str, whisper: Whisper, result: Transcription) -> Document:
    """Transcribe to the end and gather what every format is rendered from.

    Args:
        name: of the media file, or a title.
        whisper: the model at work.
        result: the transcription, not iterated yet.

    Raises:
        OvwError: the media breaks off in a way that cannot be passed over.
    """
    segments = list(result)
    if not segments:
        logger.warning("%s: no speech was found", name)
    manifest = whisper.manifest
    return Document(
        media=name.encode("utf-8", "replace").decode("utf-8"),  # a name may hold bytes that are no text
        duration=result.duration,
        language=result.language,
        language_probability=result.detection.probability if result.detection else None,
        segments=segments,
        model={
            "name": manifest.name,
            "precision": manifest.precision,
            "inference_precision": whisper.precision,
            "approximations": whisper.approximations_for(result.options),
        },
        options=result.options.model_dump(mode="json") | {"pad": result.options.padding},
    )
