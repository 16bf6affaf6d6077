"""A recording as the encoder wants it, read as it is needed: windows of log-mel frames, cut where speech is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ovw.audio import SAMPLE_RATE
from ovw.audio.mel import FRAMES_PER_SECOND, SILENCE, normalise, pad_frames
from ovw.audio.stream import MelStream
from ovw.choices import Padding
from ovw.models import Dims
from ovw.transcribe.prompt import PromptBuilder
from ovw.voice_activity.finder import SpeechFinder
from ovw.voice_activity.spans import FrameSpan, SpeechRules, fitting, join

LOOKAHEAD = 300 * FRAMES_PER_SECOND
"""Frames read before the first window: Whisper's loudness floor depends on the loudest sound of the whole recording; of
longer ones only the part read so far is known."""
STRIDE = 10 * FRAMES_PER_SECOND
"""Frames read at a time in search of speech."""
SHORTEST_IN_SILENCE = 3 * FRAMES_PER_SECOND
"""Frames of a window from which silence follows its sound. Shorter ones are often speech that was cut off: with silence
behind it Whisper completes the sentence, with zeros it ends where the speech does."""

Mel = NDArray[np.float32]


class Recording:
    """Frames and speech of a recording, of which only the part in use is held in memory.

    Args:
        blocks: of samples, mono, 16 kHz.
        dims: of the model.
        pad: `mel` fills the last window with zeros in the spectrogram, `audio` with silence in the samples, `auto`
            does the one or the other by the window's length, see `SHORTEST_IN_SILENCE`.
        rules: what counts as speech; `None` to take everything as speech.
        expected: seconds of audio that the file claims, for progress; 0 if not known.
        loudest: of the whole recording where it is known, see `loudest_bin`.
        longest_speech: frames after which speech without a pause is cut; by default a window.
        lookahead: frames to read before the first window.
        vad_executor: of one worker, detects speech while the frames are computed; `None` for the same thread.
        vad_threads: of the detector; 0 for all usable cores.

    Attributes:
        window_frames: frames of a full window of the model.
    """

    def __init__(
        self,
        blocks: Iterable[NDArray[np.float32]],
        dims: Dims,
        pad: Padding = "mel",
        rules: SpeechRules | None = None,
        *,
        expected: float = 0.0,
        loudest: float | None = None,
        longest_speech: int | None = None,
        lookahead: int = LOOKAHEAD,
        vad_executor: Executor | None = None,
        vad_threads: int = 0,
    ) -> None:
        self.window_frames = dims.n_frames
        self._pad = pad
        self._rules = rules
        self._expected = round(expected * FRAMES_PER_SECOND)
        self._loudest = loudest
        longest = min(longest_speech or dims.n_frames, dims.n_frames)
        self._speech = SpeechFinder(rules, longest, executor=vad_executor, threads=vad_threads)
        self._stream = MelStream(blocks, dims.n_mels, self._speech.take)
        self._read_to(max(lookahead, dims.n_frames))

    @property
    def duration(self) -> float:
        """Seconds of audio; until all is read, what the file claims or at least what was read."""
        if self._stream.ended:
            return self._stream.n_samples / SAMPLE_RATE
        return self.expected_frames / FRAMES_PER_SECOND

    @property
    def ended(self) -> bool:
        """Whether all of it was read."""
        return self._stream.ended

    @property
    def expected_frames(self) -> int:
        """Frames of the whole recording, estimated until all is read."""
        return self._stream.n_frames if self._stream.ended else max(self._expected, self._stream.n_frames)

    def frames_before(self, stop: int) -> int:
        """`stop`, or the end of the recording where that comes first."""
        self._read_to(stop)
        return min(stop, self._stream.n_frames) if self._stream.ended else stop

    def window(self, start: int, size: int, length: int | None = None, *, zeros: bool = False) -> Mel:
        """The window of `size` frames from `start`, filled up to a length or the model's own, [1, n_mels, length].

        Args:
            start: its first frame.
            size: frames of sound.
            length: frames in all.
            zeros: fill a longer window with zeros too, where the padding is `auto`.
        """
        self._read_to(start + size)
        if self._pad == "audio" or (self._pad == "auto" and size >= SHORTEST_IN_SILENCE and not zeros):
            return self._in_silence(start, size, length, own_floor=True)
        frames = normalise(self._stream.frames(start, start + size)[None], self._floor())
        return pad_frames(frames, length or self.window_frames)

    def opening(self, start: int, size: int, length: int | None = None) -> Mel:
        """A window for language detection: a short recording is followed by encoded silence, not by zeros."""
        return self._in_silence(start, size, length, own_floor=self._pad != "mel")

    def _in_silence(self, start: int, size: int, length: int | None, *, own_floor: bool) -> Mel:
        frames = self._stream.frames(start, start + (length or self.window_frames))
        if start + size < self.expected_frames:
            frames[:, size:] = SILENCE
        loudest = float(frames.max()) if own_floor else self._floor()
        return normalise(frames[None], loudest)

    def _floor(self) -> float:
        return self._stream.loudest if self._loudest is None else self._loudest

    @property
    def held_from(self) -> int:
        """The first frame that was not forgotten."""
        return self._stream.held_from

    def forget(self, before: int) -> None:
        """Free what comes before a frame."""
        self._stream.forget(before)

    def skip(self, start: int, stop: int) -> None:
        """Hold nothing of a stretch that no window reaches into, read or still to come."""
        self._stream.skip(start, stop)

    def next_speech(self, seek: int) -> int | None:
        """Where to go on from `seek`: there, or a little before the next speech when that is long in coming.

        Returns:
            A frame, or `None` when no more speech follows.
        """
        if self.frames_before(seek + 1) <= seek:
            return None
        if self._rules is None:
            return seek
        silence, pad = self._rules.silence_frames, self._rules.pad_frames
        at = seek
        while True:
            begin = self._speech.begin_after(seek)
            if begin is not None:
                return seek if begin - seek < silence else max(seek, begin - pad)
            if self._stream.ended:
                return None
            self.forget(at)
            at = max(seek, self._stream.n_frames - silence)
            self._read_to(self._stream.n_frames + STRIDE)

    def speech_end(self, start: int, stop: int) -> int:
        """The end of the speech that goes on from `start` without a long pause, at most `stop`."""
        if self._rules is None:
            return self.frames_before(stop)
        silence, pad = self._rules.silence_frames, self._rules.pad_frames
        stop = min(stop, self.frames_before(stop + silence))
        last = start
        for span in self._speech.after(start):
            if span.start - last >= silence and last > start:
                return min(stop, last + pad)
            last = span.end
        if not self._speech.in_speech and self._speech.settled - last >= silence:
            return min(stop, last + pad)
        return stop

    def speech_windows(self, start: int, stop: int, limit: int) -> Iterator[FrameSpan]:
        """Windows between two frames that hold all speech and are cut at pauses, for decoding apart from each other.

        Args:
            start: first frame to look at.
            stop: frame to look no further than.
            limit: frames of the longest window.
        """
        assert self._rules is not None
        for window in join(self._spans(start, stop), self._rules, limit):
            inside = FrameSpan(max(window.start, start), min(stop, self.frames_before(window.end)))
            if inside.start < inside.end:
                yield from fitting(inside, limit, self._speech_in(inside))

    def _speech_in(self, window: FrameSpan) -> FrameSpan:
        """From the first to the last speech in a window."""
        spans = [span for span in self._speech.after(window.start) if span.start < window.end] or [window]
        return FrameSpan(max(window.start, spans[0].start), min(window.end, spans[-1].end))

    def onset(self, frame: int) -> int:
        """The first frame of speech from `frame` on, where it is known; else `frame`."""
        return next((max(frame, span.start) for span in self._speech.after(frame)), frame)

    def speech_between(self, start: int, stop: int) -> int:
        """Frames of speech between two frames that were read."""
        return self._speech.between(start, stop)

    def _spans(self, start: int, stop: int) -> Iterator[FrameSpan]:
        seen = start
        while True:
            for span in self._speech.after(seen):
                if span.start >= stop:
                    return
                yield FrameSpan(max(start, span.start), min(stop, span.end))
                seen = span.end
            if self._stream.ended:
                return
            self._forget_pause(seen)
            self._read_to(self._stream.n_frames + STRIDE)

    def _forget_pause(self, since: int) -> None:
        """Free a long pause behind a frame: no window reaches into it, however long the wait for speech is."""
        assert self._rules is not None
        margin = self._rules.silence_frames + self._rules.pad_frames
        self._stream.forget_pause(since + margin, self._speech.settled - margin)

    def _read_to(self, frame: int) -> None:
        was_ended = self._stream.ended
        self._stream.read_to(frame)
        ends = self._stream.ended and not was_ended
        self._speech.settle(last=ends)


@dataclass(frozen=True)
class Window:
    """A window of a recording.

    Attributes:
        recording: which it is of.
        span: its mel frames.
        language: code; `AUTO` to be detected in it, `None` for an English-only model.
        before: the text before it, when it is the rest of a window.
        closed: the model found no speech behind that text.
        prompts: builds its prompt with that text, when it is to be decoded as it would be alone.
    """

    recording: Recording
    span: FrameSpan
    language: str | None
    before: str = ""
    closed: bool = False
    prompts: PromptBuilder | None = None

    @property
    def size(self) -> int:
        """Its mel frames."""
        return self.span.end - self.span.start


def loudest_bin(blocks: Iterable[NDArray[np.float32]], n_mels: int) -> float:
    """The loudest log-mel bin of a whole recording, in one pass that keeps nothing."""
    stream = MelStream(blocks, n_mels, lambda samples: None)
    while not stream.ended:
        stream.read_to(stream.n_frames + STRIDE)
        stream.forget(stream.n_frames)
    return stream.loudest
