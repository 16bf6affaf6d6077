"""Segments hallucinated over silence, recognised by their words' timing (openai/whisper, `transcribe.py`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ovw.audio.mel import FRAMES_PER_SECOND
from ovw.transcribe.options import TranscribeOptions
from ovw.transcribe.recording import Window
from ovw.transcribe.result import Segment, Word
from ovw.transcribe.segments import Cut
from ovw.transcribe.words.timer import last_word_end

MARKS = ("prepend_punctuations", "append_punctuations")
PUNCTUATION = "".join(TranscribeOptions.model_fields[name].default for name in MARKS)
"""Words of these marks alone are not judged, whatever marks were asked for."""
WORDS_JUDGED = 8
ANOMALOUS = 3.0
SHORTEST_S = 0.133
LONGEST_S = 2.0
UNLIKELY = 0.15
EDGE_S = 2.0
"""So near to the window's edge, a segment counts as standing next to silence."""


class WindowTimes(NamedTuple):
    """A window in seconds: where it begins, where its audio ends, and where a full window would end."""

    begin: float
    stop: float
    end: float


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


def first_hallucinated(segments: Sequence[Segment], times: WindowTimes, last_speech: float, silence: float) -> int:
    """The first segment of a window that is anomalous between silences, or between silence and others of its kind.

    Args:
        segments: of the window.
        times: of the window.
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
            next_start = following.words[0].start if following and following.words else times.stop
            at_begin, at_end = segment.start - times.begin < EDGE_S, times.end - segment.end < EDGE_S
            before = segment.start - last_speech > silence or segment.start < silence or at_begin
            after = next_start - segment.end > silence or is_anomalous(following) or at_end
            if before and after:
                return i
        last_speech = segment.end
    return len(segments)


def leading_silence(segments: Sequence[Segment], window: Window, silence: float | None) -> int | None:
    """Frames of silence that a window begins with, if its first words are hallucinated behind it; else `None`.

    Args:
        segments: of the window, with their words.
        window: they belong to.
        silence: seconds without words that count as silence; `None` if none does.
    """
    first = next((s for s in segments if s.words), None)
    if silence is None or first is None or not is_anomalous(first):
        return None
    gap = first.start - window.span.start / FRAMES_PER_SECOND
    return round(gap * FRAMES_PER_SECOND) if gap > silence else None


def drop_hallucinated(
    segments: list[Segment], cut: Cut, window: Window, last_speech: float, silence: float | None
) -> tuple[list[Segment], int]:
    """The segments of a window that are kept, and how many frames to move on.

    The next window begins where the last word ends, or behind silence that the text only seems to fill.

    Args:
        segments: with their words.
        cut: of the window, by its timestamps.
        window: its recording may be read on.
        last_speech: seconds at which the last word before it ended.
        silence: seconds without words around what is dropped; `None` to keep everything.
    """
    recording, seek = window.recording, window.span.start
    times = WindowTimes(
        *(frame / FRAMES_PER_SECOND for frame in (seek, window.span.end, seek + recording.window_frames))
    )
    advance, last = cut.advance, last_word_end(segments, times.begin)
    if not cut.closed and last > times.begin:
        advance = round(last * FRAMES_PER_SECOND) - seek
        if silence is not None and times.end - last <= silence:
            advance = window.size
    if silence is None:
        return segments, advance
    kept = first_hallucinated(segments, times, last_speech, silence)
    if kept < len(segments):
        dropped = segments[kept]
        advance = round(max(times.begin + 1, dropped.start) * FRAMES_PER_SECOND) - seek
        recording.frames_before(round((dropped.end + silence) * FRAMES_PER_SECOND) + 1)  # it may be live
        if recording.duration - dropped.end < silence:
            advance = recording.expected_frames - seek
    return segments[:kept], advance
