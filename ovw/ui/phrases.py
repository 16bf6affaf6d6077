"""Sound from a microphone cut at pauses, so that each phrase is transcribed as soon as it is over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ovw.audio.mel import FRAMES_PER_SECOND, HOP_LENGTH
from ovw.voice_activity.detector import CHUNK_S, VoiceActivity
from ovw.voice_activity.spans import SpeechRules, SpeechTracker

RULES = SpeechRules(min_silence=0.6, pad=0.2)
LONGEST_S = 15.0
"""Speech that has gone on for so long is cut at the next pause of any length, and after twice as long without one."""


@dataclass(frozen=True)
class Phrase:
    """Speech between two pauses.

    Attributes:
        start: seconds from the start of the recording.
        samples: [n], 16 kHz.
    """

    start: float
    samples: NDArray[np.float32]


class PhraseCutter:
    """Cuts a recording, block by block; what was cut off is forgotten.

    Args:
        threads: of voice activity detection; 0 for all usable cores.
    """

    def __init__(self, threads: int = 0) -> None:
        self._activity = VoiceActivity(threads)
        self._tracker = SpeechTracker(RULES, CHUNK_S, round(2 * LONGEST_S * FRAMES_PER_SECOND))
        self._held = np.zeros(0, np.float32)
        self._begin = 0  # frame of the first sample held

    def feed(self, samples: NDArray[np.float32]) -> Iterator[Phrase]:
        """Take the next samples, [n], 16 kHz; the phrases that are complete with them."""
        self._held = np.concatenate([self._held, samples])
        self._tracker.feed(self._activity(samples))
        while (end := self._end()) is not None:
            first = self._tracker.after(self._begin)[0].start
            yield self._cut(max(self._begin, first - RULES.pad_frames), end)
        if not self._tracker.in_speech and not self._tracker.after(self._begin):
            self._forget(self._tracker.settled - RULES.pad_frames)

    def _end(self) -> int | None:
        """The frame at which to cut: in a pause that is long enough, or in any where speech has gone on for long."""
        spans = self._tracker.after(self._begin)
        followers = [span.start for span in spans[1:]]
        if spans:
            followers.append(self._tracker.settled)  # further speech begins there, if it does
        for span, follower in zip(spans, followers, strict=True):
            needed = RULES.silence_frames if span.end - spans[0].start < LONGEST_S * FRAMES_PER_SECOND else 0
            if follower - span.end >= needed:
                return min(span.end + RULES.pad_frames, (span.end + follower + 1) // 2)
        return None

    def _cut(self, start: int, end: int) -> Phrase:
        at, stop = ((frame - self._begin) * HOP_LENGTH for frame in (start, end))
        made = Phrase(start / FRAMES_PER_SECOND, self._held[at:stop].copy())
        self._forget(end)
        return made

    def _forget(self, before: int) -> None:
        """Free the samples before a frame."""
        if before > self._begin:
            self._held = self._held[(before - self._begin) * HOP_LENGTH :]
            self._begin = before
