"""Where speech is: from the probabilities of a voice activity detector to stretches worth transcribing."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ovw.audio.mel import FRAMES_PER_SECOND

HYSTERESIS = 0.15
"""Speech begins at the threshold and goes on until its probability is this much below."""
SHORTEST_PAUSE_S = 0.1
LEAST_FILL = 0.35
"""A window is cut at its longest pause after this share of its length."""


@dataclass(frozen=True)
class FrameSpan:
    """Mel frames [start, end)."""

    start: int
    end: int


@dataclass(frozen=True)
class SpeechRules:
    """When sound counts as speech, times in seconds.

    Attributes:
        threshold: probability from which on a chunk is speech.
        min_speech: shorter sounds are no speech.
        min_silence: longer pauses are left out.
        pad: what is kept of such a pause before and after speech.
    """

    threshold: float = 0.5
    min_speech: float = 0.1
    min_silence: float = 5.0
    pad: float = 0.4

    @property
    def silence_frames(self) -> int:
        """`min_silence` in mel frames."""
        return round(self.min_silence * FRAMES_PER_SECOND)

    @property
    def pad_frames(self) -> int:
        """`pad` in mel frames."""
        return round(self.pad * FRAMES_PER_SECOND)


class SpeechTracker:
    """Finds spans of speech in the probabilities of one recording, as they come.

    Args:
        rules: when sound counts as speech.
        chunk_s: seconds a probability is given for.
        longest: frames after which speech without a pause is cut where it is least likely.
    """

    def __init__(self, rules: SpeechRules, chunk_s: float, longest: int) -> None:
        self._rules = rules
        self._frames_per_chunk = chunk_s * FRAMES_PER_SECOND
        self._longest = int(longest / self._frames_per_chunk)
        self._pause = max(1, round(SHORTEST_PAUSE_S / chunk_s))
        self._shortest = rules.min_speech / chunk_s
        self._open: list[float] = []  # probabilities since speech began
        self._quiet = 0  # chunks since the last one with speech
        self._n_chunks = 0
        self.spans: list[FrameSpan] = []

    @property
    def settled(self) -> int:
        """The frame before which all is known; speech that is still going on begins there."""
        return self._frame(self._n_chunks - len(self._open))

    @property
    def in_speech(self) -> bool:
        """Whether speech is going on at the last frame."""
        return len(self._open) >= max(self._shortest, 1)

    def after(self, frame: int) -> list[FrameSpan]:
        """The spans that end after a frame."""
        return self.spans[bisect_right(self.spans, frame, key=lambda span: span.end) :]

    def feed(self, probabilities: NDArray[np.float32]) -> None:
        """Take the next chunks' probabilities."""
        for probability in probabilities.tolist():
            self._n_chunks += 1
            self._advance(probability)

    def finish(self) -> None:
        """Close what is open: the recording has ended."""
        if self._open:
            self._close(len(self._open) - self._quiet)

    def _advance(self, probability: float) -> None:
        if not self._open and probability < self._rules.threshold:
            return
        self._open.append(probability)
        self._quiet = self._quiet + 1 if probability < self._rules.threshold - HYSTERESIS else 0
        if self._quiet >= self._pause:
            self._close(len(self._open) - self._quiet)
        elif len(self._open) >= self._longest:
            middle = len(self._open) // 2
            self._close(middle + int(np.argmin(self._open[middle:])), goes_on=True)

    def _close(self, length: int, *, goes_on: bool = False) -> None:
        """End the open span after `length` chunks; the rest is a pause, or speech that goes on."""
        begin = self._n_chunks - len(self._open)
        if length >= self._shortest:
            self.spans.append(FrameSpan(self._frame(begin), self._frame(begin + length)))
        self._open = self._open[length:] if goes_on else []
        self._quiet = 0

    def _frame(self, chunk: int) -> int:
        return round(chunk * self._frames_per_chunk)


def overlap(spans: Iterable[FrameSpan], start: int, stop: int) -> int:
    """Frames of [start, stop) that the spans cover."""
    return sum(max(0, min(span.end, stop) - max(span.start, start)) for span in spans)


def join(spans: Iterable[FrameSpan], rules: SpeechRules, limit: int) -> Iterator[FrameSpan]:
    """Join spans across short pauses to windows, padded into the pauses around them.

    Args:
        spans: in order; read no further than one span ahead.
        rules: whose `min_silence` ends a window and whose `pad` is put around it.
        limit: frames of the longest window; one that would be longer is cut at its longest pause.
    """
    silence, pad = rules.silence_frames, rules.pad_frames
    held: list[FrameSpan] = []
    free_from = 0
    for span in spans:
        while held and (span.start - held[-1].end >= silence or span.end - held[0].start > limit - 2 * pad):
            count = len(held)
            if span.start - held[-1].end < silence:
                count = _longest_pause([*held, span], limit)
            upto = (held[count] if count < len(held) else span).start
            window = _padded(held[:count], free_from, upto, pad)
            yield window
            free_from, held = window.end, held[count:]
        held.append(span)
    if held:
        yield _padded(held, free_from, held[-1].end + 2 * pad, pad)


def _longest_pause(spans: list[FrameSpan], limit: int) -> int:
    """Number of spans before the longest pause in the later part of a full window."""
    cuts = range(1, len(spans))
    late = [i for i in cuts if spans[i - 1].end - spans[0].start >= LEAST_FILL * limit] or [len(spans) - 1]
    return max(late, key=lambda i: (spans[i].start - spans[i - 1].end, i))


def _padded(spans: list[FrameSpan], free_from: int, upto: int, pad: int) -> FrameSpan:
    """The window around spans: up to `pad` into the pauses before and after, no further than half of the latter."""
    end = spans[-1].end
    return FrameSpan(max(free_from, spans[0].start - pad, 0), min(end + pad, (end + upto) // 2))


def fitting(span: FrameSpan, limit: int, speech: FrameSpan) -> list[FrameSpan]:
    """A span in pieces of at most `limit` frames: without some of the silence at its ends where that is enough.

    Args:
        span: of a window.
        limit: frames of the longest piece.
        speech: from its first to its last in the window. Where silence is not enough, the pieces are equal.
    """
    size = span.end - span.start
    excess = max(0, size - limit)
    before, after = speech.start - span.start, span.end - speech.end
    if excess <= before + after:
        cut = max(min(excess // 2, before), excess - after)
        return [FrameSpan(span.start + cut, span.start + cut + size - excess)]
    count = -(-size // limit)
    ends = [span.start + size * i // count for i in range(count + 1)]
    return [FrameSpan(*ends[i : i + 2]) for i in range(count)]
