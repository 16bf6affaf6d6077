"""Where the parts of a known text belong in its recording."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from ovw.api.transcription import Transcription
from ovw.audio.mel import FRAMES_PER_SECOND
from ovw.errors import UsageError
from ovw.transcribe.known_text import KnownWord, TextPart, matches, parts_of, passages_of
from ovw.transcribe.options import TranscribeOptions
from ovw.transcribe.result import Word
from ovw.voice_activity.spans import FrameSpan

logger = logging.getLogger(__name__)

TO_RECOGNISE = TranscribeOptions(beam_size=1, task="transcribe", word_timestamps=True)
"""Options of the transcription that the text is compared with: its words only have to be found again."""
FITTING = 0.5
"""Share of the words that are recognised where a text is that of its recording."""


def require_passages(text: str | Sequence[str]) -> list[str]:
    """The sentences of a text, or passages as they are.

    Raises:
        UsageError: there are none.
    """
    found = passages_of(text) if isinstance(text, str) else [one for one in text if one.strip()]
    if not found:
        raise UsageError("there is no text to align", "give the words of the recording")
    return found


def locate_parts(result: Transcription, known: Sequence[KnownWord], window: int) -> list[TextPart]:
    """The parts of a text, each with the stretch of the recording that it is in.

    Args:
        result: of the recording, with words; it is decoded only if the recording is longer than a window.
        known: words of the text.
        window: mel frames of the model's window.
    """
    frames = round(result.duration * FRAMES_PER_SECOND)
    if result.is_read and frames <= window:
        return [TextPart(FrameSpan(0, frames), known)]
    recognised: list[Word] = [word for segment in result for word in segment.words or ()]
    share = len(matches(known, recognised)) / max(len(known), 1)
    if share < FITTING:
        logger.warning("%s: %.0f %% of the words of the text were recognised in it: is it the right one?",
                       result.media or "samples", 100 * share)  # fmt: skip
    return parts_of(known, recognised, result.duration)
