"""The language that a clip is scored in, and the one that a model is given."""

from __future__ import annotations

from ovw.models import languages

TRANSLATED = "en"
"""Language of every translation of Whisper."""


def scored_language(asked: str | None, clip: str | None, *, translate: bool) -> str | None:
    """The code by whose rules a reference and a hypothesis are normalized and counted.

    Args:
        asked: code that holds for every clip, if any.
        clip: of the clip in its dataset.
        translate: into English, as the references are then.
    """
    return TRANSLATED if translate else asked or clip


def model_language(language: str | None) -> str | None:
    """The language of a clip that a model is given: `None` for one that Whisper does not know."""
    return language if language in languages() else None
