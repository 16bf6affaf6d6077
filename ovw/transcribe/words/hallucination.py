"""Segments hallucinated over silence, recognised by their words' timing (openai/whisper, `transcribe.py`)."""

from __future__ import annotations

from collections.abc import Sequence

from ovw.transcribe.result import Segment, Word

PUNCTUATION = "\"'“¿([{-\"'.。,，!！?？:：”)]}、"
WORDS_JUDGED = 8
ANOMALOUS = 3.0
SHORTEST_S = 0.133
LONGEST_S = 2.0
UNLIKELY = 0.15
EDGE_S = 2.0
"""So near to the window's edge, a segment counts as standing next to silence."""


def is_anomalous(segment: Segment | None) -> bool:
    """Its first words are unlikely, or too short or too long to be spoken."""
    if segment is None or not segment.words:
        return False
    words = [word for word in segment.words if word.word not in PUNCTUATION][:WORDS_JUDGED]
    score = sum(_anomaly(word) for word in words)
    return score >= ANOMALOUS or score + 0.01 >= len(words)


def _anomaly(word: Word) -> float:
    length = word.end - word.start
    unlikely = 1.0 if word.probability < UNLIKELY else 0.0
    return unlikely + max(0.0, (SHORTEST_S - length) * 15) + max(0.0, length - LONGEST_S)


def made_up_from(
    segments: Sequence[Segment], begin: float, stop: float, end: float, last_speech: float, silence: float
) -> int:
    """The first segment of a window that is anomalous between silences, or between silence and others of its kind.

    Args:
        segments: of the window.
        begin: seconds at which the window begins.
        stop: seconds at which its audio ends.
        end: seconds at which a full window would end.
        last_speech: seconds at which the last word before it ended.
        silence: seconds without words that count as silence.

    Returns:
        Its index; the number of segments when there is none.
    """
    for i, segment in enumerate(segments):
        if not segment.words:
            continue
        if is_anomalous(segment):
            following = next((s for s in segments[i + 1 :] if s.words), None)
            next_start = following.words[0].start if following and following.words else stop
            before = segment.start - last_speech > silence or segment.start < silence or segment.start - begin < EDGE_S
            after = next_start - segment.end > silence or is_anomalous(following) or end - segment.end < EDGE_S
            if before and after:
                return i
        last_speech = segment.end
    return len(segments)
