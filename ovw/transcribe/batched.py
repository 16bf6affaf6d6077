"""Windows cut at pauses and decoded together; none knows of the others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice

import numpy as np
from numpy.typing import NDArray

from ovw.audio.mel import FRAMES_PER_SECOND
from ovw.audio.speech import Span
from ovw.transcribe.decoding.task import DecodingResult
from ovw.transcribe.fallback import decode_with_fallback, is_skippable
from ovw.transcribe.language import detect_languages
from ovw.transcribe.result import Segment
from ovw.transcribe.run import Run
from ovw.transcribe.segments import Piece, make_segment, split_window, within
from ovw.transcribe.words.timer import time_words

SHORTEST_REST = FRAMES_PER_SECOND
"""Frames behind a window's last timestamp that are worth a window of their own."""
UNHEARD = 2 * FRAMES_PER_SECOND
"""Frames of speech after the text has ended that mean the decoder gave up too early."""
SHORTEST_SPLIT = 5 * FRAMES_PER_SECOND
SPARSE = 1.0
"""Text tokens a second of speech; below it, something was passed over. People speak three or four."""


class BatchedRun(Run):
    """One recording, several windows at a time."""

    def run(self, clips: Iterable[Span]) -> Iterator[tuple[list[Segment], int]]:
        """The segments of each batch in turn, and the frame up to which the recording is done."""
        limit = self._engine.dims.n_frames
        windows = chain.from_iterable(self._recording.speech_windows(clip.start, clip.end, limit) for clip in clips)
        most = self._options.batch_size
        size = most if self._recording.ended else 1  # a long recording begins with small batches: text comes at once
        while group := list(islice(windows, size)):
            size = min(2 * size, most)
            found: list[Segment] = []
            todo = group
            while todo:
                segments, todo = self._batch(todo)
                found += segments
            yield sorted(found, key=lambda segment: segment.start), group[-1].end
            self._recording.forget(group[-1].end)

    def _batch(self, windows: Sequence[Span]) -> tuple[list[Segment], list[Span]]:
        """Transcribe windows together: what they said, and the parts of them that are still to be heard."""
        # one by one: a batch of them would not be faster on a CPU, only larger
        hidden = np.concatenate(
            [self._engine.encoder(self._recording.window(w.start, w.end - w.start)) for w in windows]
        )
        languages = self._spoken(hidden)
        prompts = [self._prompts.build(language, first=False) for language in languages]
        results = decode_with_fallback(
            lambda chosen, t: self._task.run(hidden[list(chosen)], [prompts[i] for i in chosen], t, self._rng),
            len(windows),
            self._options,
        )
        segments: list[Segment] = []
        rests: list[Span] = []
        for i, (window, language, result) in enumerate(zip(windows, languages, results, strict=True)):
            if is_skippable(result, self._options):
                continue
            pieces, again = self._cut(window, result)
            rests += again
            made = [make_segment(piece, result, self._engine.tokenizer, window.start, language) for piece in pieces]
            spoken = [s for s in made if s.start < s.end and s.text.strip()]
            segments += self._timed(spoken, hidden[i : i + 1], language, window)
        return segments, rests

    def _timed(
        self, segments: list[Segment], hidden: NDArray[np.float32], language: str | None, window: Span
    ) -> list[Segment]:
        """The segments with their words, if words are wanted."""
        if not self._options.word_timestamps:
            return segments
        size, begin = window.end - window.start, window.start / FRAMES_PER_SECOND
        return time_words(self._engine, self._options, segments, hidden, language, size, begin)

    def _cut(self, window: Span, result: DecodingResult) -> tuple[list[Piece], list[Span]]:
        """The pieces of a window, held inside it, and what of it has to be heard again."""
        if halves := self._halves(window, result):
            return [], halves
        cut = split_window(result.tokens, self._engine.tokenizer, window.start, window.end - window.start)
        end = window.end / FRAMES_PER_SECOND
        onset = self._recording.onset(window.start)
        pieces = [within(piece, onset, window.end) for piece in cut.pieces]
        heard = round(pieces[-1].end * FRAMES_PER_SECOND)
        if heard <= window.start or self._options.without_timestamps:
            return pieces, []
        unfinished = not cut.closed and cut.advance < window.end - window.start
        if unfinished and window.end - heard >= SHORTEST_REST:
            return pieces, [Span(heard, window.end)]
        if self._recording.speech_between(heard, window.end) >= UNHEARD:
            return pieces, [Span(heard, window.end)]
        if unfinished:
            spoken = sum(len(piece.tokens) for piece in pieces)
            pieces.append(Piece(pieces[-1].end, end, result.tokens[spoken:]))
        return pieces, []

    def _halves(self, window: Span, result: DecodingResult) -> list[Span]:
        """The parts of a window whose text is far too short for the speech in it, and which has a pause to cut at."""
        spoken = self._recording.speech_between(window.start, window.end)
        words = sum(token < self._engine.tokenizer.eot for token in result.tokens)
        if spoken < SHORTEST_SPLIT or words >= SPARSE * spoken / FRAMES_PER_SECOND:
            return []
        parts = list(self._recording.speech_windows(window.start, window.end, (window.end - window.start) * 2 // 3))
        return parts if len(parts) > 1 else []

    def _spoken(self, hidden: NDArray[np.float32]) -> list[str | None]:
        """The language of each window."""
        if self._options.multilingual and self._language is not None:
            detections = detect_languages(self._engine.decoder, hidden, self._engine.tokenizer)
            return [detection.language for detection in detections]
        return [self._language] * len(hidden)
