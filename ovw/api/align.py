"""Where the parts of a known text belong in its recording."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence

from ovw.api.transcription import Transcription
from ovw.audio.mel import FRAMES_PER_SECOND
from ovw.errors import UsageError, quoted
from ovw.transcribe.forced_alignment import with_wordless
from ovw.transcribe.known_text import KnownWord, TextPart, known_words, matches, parts_of, passages_of, plain
from ovw.transcribe.options import TranscribeOptions
from ovw.transcribe.result import Segment, Word
from ovw.voice_activity.spans import FrameSpan

logger = logging.getLogger(__name__)

Align = Callable[[Sequence[TextPart]], Iterator[Segment]]
"""Times the words of parts of a text."""
TO_RECOGNISE = TranscribeOptions(beam_size=1, task="transcribe", word_timestamps=True)
"""Options of the transcription that the text is compared with: its words only have to be found again."""
FITTING = 0.5
"""Share of the words that are recognised where a text is that of its recording."""
UNLIKELY = -1.0
"""Mean log probability of a passage below which the text may be of another part of a short recording."""
LONGEST_WORD_S = 2.0
"""A word that takes longer may have swallowed speech that is not in the text."""


def require_passages(text: str | Sequence[str]) -> list[str]:
    """The sentences of a text, or passages as they are.

    Raises:
        UsageError: there are none, none with words, or something else than text.
    """
    if not isinstance(text, str) and not (isinstance(text, Sequence) and all(isinstance(one, str) for one in text)):
        raise UsageError(f"{quoted(text)} is no text", "give a str, or a list of them")
    found = passages_of(text) if isinstance(text, str) else [one for one in text if one.strip()]
    if not any(map(plain, found)):
        raise UsageError("there is no text to align", "give the words of the recording")
    return found


def timed_passages(result: Transcription, passages: Sequence[str], window: int, align: Align) -> Iterator[Segment]:
    """The passages of a text, each with its time and the times of its words.

    Args:
        result: of the recording, with words, not decoded yet.
        passages: of the text.
        window: mel frames of the model's window.
        align: aligns parts of it.

    Raises:
        UsageError: a part has more text than the decoder takes.
    """
    known = known_words(passages, result.language)
    segments = _with_words(result, known, window, align)
    yield from with_wordless(segments, passages, result.language, lambda: result.duration)


def _with_words(result: Transcription, known: Sequence[KnownWord], window: int, align: Align) -> Iterator[Segment]:
    """The passages that have words.

    A recording of one window is aligned with the whole text at once. It is transcribed only where that leaves doubt:
    the text may be of a part of the recording.
    """
    frames = round(result.duration * FRAMES_PER_SECOND)
    if not result.is_read or frames > window:
        yield from align(_located(result, known))
        return
    whole = [TextPart(FrameSpan(0, frames), known)]
    segments: Iterable[Segment] = list(align(whole))
    if any(map(_is_doubtful, segments)) and (parts := _located(result, known)) != whole:
        segments = align(parts)
    yield from segments


def _is_doubtful(segment: Segment) -> bool:
    """Whether a passage may be elsewhere: its words are unlikely there, or one takes longer than a word does."""
    longest = max((word.end - word.start for word in segment.words or ()), default=0.0)
    return segment.avg_logprob < UNLIKELY or longest > LONGEST_WORD_S


def _located(result: Transcription, known: Sequence[KnownWord]) -> list[TextPart]:
    """The parts of a text, each with the stretch of the recording that it is in."""
    recognised: list[Word] = [word for segment in result for word in segment.words or ()]
    share = len(matches(known, recognised)) / max(len(known), 1)
    if share < FITTING:
        logger.warning("%s: %.0f %% of the words of the text were recognised in it: is it the right one?",
                       result.media or "samples", 100 * share)  # fmt: skip
    return parts_of(known, recognised, result.duration)
