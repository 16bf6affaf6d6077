"""Results of the runner: segments, words, language detection."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Word:
    """A word with its punctuation.

    Attributes:
        start: seconds from the start of the media.
        end: never before `start`; it may pass the next word's start by a few hundredths of a second.
        word: as the model wrote it, with its leading space where it has one.
        probability: mean probability of its tokens.
    """

    start: float
    end: float
    word: str
    probability: float


@dataclass(frozen=True)
class Segment:
    """A stretch of speech with its text.

    Attributes:
        id: counts from 0.
        start: seconds from the start of the media; segments never overlap.
        end: as the model gave it; the last may lie a little past the media, where subtitle cues are cut.
        text: as the model wrote it, with its leading space.
        tokens: text and timestamp tokens.
        temperature: at which it was decoded.
        avg_logprob: mean log probability of the window's tokens.
        compression_ratio: of the window's text under zlib; high means repetition.
        no_speech_prob: probability that the window holds no speech.
        seek: first mel frame of the window it came from.
        language: code of the language it was decoded in.
        words: with word timestamps, the words whose texts together are `text`; else `None`.
    """

    id: int
    start: float
    end: float
    text: str
    tokens: list[int] = field(repr=False, hash=False)
    temperature: float = field(repr=False)
    avg_logprob: float = field(repr=False)
    compression_ratio: float = field(repr=False)
    no_speech_prob: float = field(repr=False)
    seek: int = field(repr=False)
    language: str = field(default="en", repr=False)
    words: tuple[Word, ...] | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Detection:
    """A detected language.

    Attributes:
        language: code.
        probability: of that language.
        probabilities: of every language, by code.
    """

    language: str
    probability: float
    probabilities: dict[str, float] = field(repr=False, hash=False)


def compression_ratio(text: str) -> float:
    """Bytes of the text over bytes of its zlib form: repetition compresses well. 0 for no text."""
    raw = text.encode("utf-8")
    return len(raw) / len(zlib.compress(raw)) if raw else 0.0
