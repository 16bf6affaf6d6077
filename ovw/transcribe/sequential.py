"""A window at a time, each prompted with the text before it and starting where the last sentence ended."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace

from ovw.transcribe.fallback import is_skippable
from ovw.transcribe.model_sessions import ModelSessions
from ovw.transcribe.options import TranscribeOptions
from ovw.transcribe.recording import Recording, Window
from ovw.transcribe.result import Segment
from ovw.transcribe.segments import Piece, make_segment, split_window, within
from ovw.transcribe.window_decoder import WindowDecoder
from ovw.transcribe.words.hallucination import drop_hallucinated, leading_silence
from ovw.transcribe.words.timer import last_word_end
from ovw.voice_activity.spans import FrameSpan


class SequentialDecoder(WindowDecoder):
    """One recording, window by window."""

    def __init__(
        self, sessions: ModelSessions, recording: Recording, language: str | None, options: TranscribeOptions
    ) -> None:
        super().__init__(sessions, options)
        self._recording = recording
        self._language = language
        self._first = True
        self._last_speech = 0.0

    def run(self, clips: list[FrameSpan]) -> Iterator[tuple[list[Segment], int]]:
        """The segments of each window in turn, and the frame up to which the recording is done."""
        for clip in clips:
            seek = clip.start
            self._recording.skip(0, seek)
            while (begin := self._recording.next_speech(seek)) is not None and begin < clip.end:
                size = self._recording.speech_end(begin, min(begin + self._sessions.dims.n_frames, clip.end)) - begin
                onset = self._recording.onset(begin) if begin > seek else begin
                segments, advance = self._window(begin, size, onset)
                seek = begin + max(advance, 1)  # words that end where the window begins must not hold it up
                done = min(seek, clip.end)  # silence behind made-up words may go on into the next clip
                yield segments, done
                self._recording.forget(done)

    def _window(self, seek: int, size: int, onset: int) -> tuple[list[Segment], int]:
        """Transcribe a window whose speech begins at `onset`: its segments, and how many frames to move on."""
        window = Window(self._recording, FrameSpan(seek, seek + size), self._language)
        audio = self._encode([window])
        (language,) = self._languages([window], self._detections([window], audio))
        self._language = language
        window = replace(window, language=language)
        prompt = self._prompts.build(language, first=self._first)
        (result,) = self._decode([window], audio, [prompt])
        self._first = False
        if is_skippable(result, self._options):
            return [], size
        cut = split_window(result.tokens, self._sessions.tokenizer, seek, size)
        pieces = [self._held(piece, onset, seek + size) for piece in cut.pieces]
        segments = [make_segment(piece, result, self._sessions.tokenizer, seek, language) for piece in pieces]
        advance = cut.advance
        if self._options.word_timestamps:
            silence = self._options.hallucination_silence_threshold
            segments = self._words.time(segments, window, audio[0], self._last_speech)
            if (leading := leading_silence(segments, window, silence)) is not None:
                return [], leading  # the window counts for nothing, not for the next prompt either
            segments, advance = drop_hallucinated(segments, cut, window, self._last_speech, silence)
            self._last_speech = last_word_end(segments, self._last_speech)
        kept = [s for s in segments if s.start != s.end and s.text.strip()]
        self._prompts.extend((s.tokens for s in kept), result.temperature)
        return kept, advance

    def _held(self, piece: Piece, onset: int, stop: int) -> Piece:
        """A piece between speech and where the pause after it was cut; else the model's own time stands."""
        cut = self._options.vad and stop < self._recording.expected_frames
        return within(piece, onset, stop if cut else sys.maxsize)
