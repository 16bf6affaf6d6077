"""Speech in a recording that is being read: a few long inferences, on another thread where there is one."""

from __future__ import annotations

from concurrent.futures import Executor, Future
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ovw.voice_activity.detector import CHUNK_S, LONGEST_INFERENCE, VoiceActivity
from ovw.voice_activity.spans import FrameSpan, SpeechRules, SpeechTracker, overlap


class SpeechFinder:
    """Finds speech in samples as they are read.

    Args:
        rules: when sound counts as speech; `None` to look for none.
        longest: frames after which speech without a pause is cut.
        executor: of one worker, detects while the caller goes on; `None` for the same thread.
        threads: of the detector; 0 for all usable cores.
    """

    def __init__(
        self, rules: SpeechRules | None, longest: int, *, executor: Executor | None = None, threads: int = 0
    ) -> None:
        self._activity = VoiceActivity(threads) if rules else None
        self._executor = executor
        self._pending: list[Future[NDArray[np.float32]]] = []
        self._buffered: list[NDArray[np.float32]] = []
        self._tracker = SpeechTracker(rules or SpeechRules(), CHUNK_S, longest)

    @property
    def settled(self) -> int:
        """The frame before which all is known; speech that is still going on begins there."""
        return self._tracker.settled

    @property
    def in_speech(self) -> bool:
        """Whether speech is going on at the last frame."""
        return self._tracker.in_speech

    def after(self, frame: int) -> list[FrameSpan]:
        """The spans of speech that end after a frame."""
        return self._tracker.after(frame)

    def begin_after(self, frame: int) -> int | None:
        """Where the next speech begins that ends after a frame, or goes on at the last one; `None` without any."""
        if found := self.after(frame):
            return found[0].start
        return self.settled if self.in_speech else None

    def between(self, start: int, stop: int) -> int:
        """Frames of speech between two frames that were read."""
        return overlap(self.after(start), start, stop)

    def take(self, samples: NDArray[np.float32]) -> None:
        """Put samples by: a few long inferences of the network take half the time of many short ones."""
        if self._activity:
            self._buffered.append(samples)
            if sum(map(len, self._buffered)) >= LONGEST_INFERENCE:
                buffered = np.concatenate(self._buffered)
                whole = len(buffered) // LONGEST_INFERENCE * LONGEST_INFERENCE
                self._buffered = [buffered[whole:].copy()]
                self._detect(buffered[:whole])

    def settle(self, *, last: bool) -> None:
        """Find the speech in all that was taken; `last` where the recording ends with it."""
        buffered, self._buffered = self._buffered, []
        self._detect(np.concatenate([np.zeros(0, np.float32), *buffered]), last=last)
        for pending in self._pending:
            self._tracker.feed(pending.result())
        self._pending = []
        if last and self._activity:
            self._tracker.finish()
            self._activity = None  # its memory is larger than a short recording

    def _detect(self, samples: NDArray[np.float32], *, last: bool = False) -> None:
        if self._activity and (len(samples) or last):
            detect = partial(self._activity, samples, last=last)
            if self._executor:
                self._pending.append(self._executor.submit(detect))
            else:
                self._tracker.feed(detect())
