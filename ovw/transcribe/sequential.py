"""A window at a time, each prompted with the text before it and starting where the last sentence ended."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from ovw.audio.mel import FRAMES_PER_SECOND
from ovw.transcribe.fallback import is_skippable
from ovw.transcribe.model_sessions import ModelSessions
from ovw.transcribe.options import TranscribeOptions
from ovw.transcribe.recording import Recording, Window
from ovw.transcribe.result import Segment
from ovw.transcribe.segments import Cut, Piece, make_segment, split_window, within
from ovw.transcribe.window_decoder import WindowDecoder
from ovw.transcribe.words.hallucination import is_anomalous, made_up_from
from ovw.transcribe.words.timer import last_word_end, time_words
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
        seek = 0
        for clip in clips:
            seek = max(seek, clip.start)
            while (begin := self._recording.next_speech(seek)) is not None and begin < clip.end:
                size = self._recording.speech_end(begin, min(begin + self._sessions.dims.n_frames, clip.end)) - begin
                onset = self._recording.onset(begin) if begin > seek else begin
                segments, advance = self._window(begin, size, onset)
                seek = begin + max(advance, 1)  # words that end where the window begins must not hold it up
                yield segments, seek
                self._recording.forget(seek)

    def _window(self, seek: int, size: int, onset: int) -> tuple[list[Segment], int]:
        """Transcribe a window whose speech begins at `onset`: its segments, and how many frames to move on."""
        window = Window(self._recording, FrameSpan(seek, seek + size), self._language)
        audio = self._encode([window])
        (language,) = self._languages([window], self._detections([window], audio))
        self._language = language
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
            segments = time_words(self._sessions, self._options, segments, audio[0], language, size, self._last_speech)
            segments, advance = self._by_words(segments, cut, seek, size)
            self._last_speech = last_word_end(segments, self._last_speech)
        kept = [s for s in segments if s.start != s.end and s.text.strip()]
        self._prompts.extend((s.tokens for s in kept), result.temperature)
        return kept, advance

    def _held(self, piece: Piece, onset: int, stop: int) -> Piece:
        """A piece between speech and where the pause after it was cut; else the model's own time stands."""
        cut = self._options.vad and stop < self._recording.expected_frames
        return within(piece, onset, stop if cut else sys.maxsize)

    def _by_words(self, segments: list[Segment], cut: Cut, seek: int, size: int) -> tuple[list[Segment], int]:
        """Move on by the last word's end, and over silence that the text only seems to fill."""
        begin, stop, end = (f / FRAMES_PER_SECOND for f in (seek, seek + size, seek + self._sessions.dims.n_frames))
        advance, silence = cut.advance, self._options.hallucination_silence_threshold
        last = last_word_end(segments, begin)
        if not cut.closed and last > begin:
            advance = round(last * FRAMES_PER_SECOND) - seek
            if silence is not None and end - last <= silence:
                advance = size
        if silence is None:
            return segments, advance
        first = next((s for s in segments if s.words), None)
        if first is not None and is_anomalous(first) and first.start - begin > silence:
            return [], round((first.start - begin) * FRAMES_PER_SECOND)
        kept = made_up_from(segments, begin, stop, end, self._last_speech, silence)
        if kept < len(segments):
            made_up = segments[kept]
            advance = round(max(begin + 1, made_up.start) * FRAMES_PER_SECOND) - seek
            self._recording.frames_before(round((made_up.end + silence) * FRAMES_PER_SECOND) + 1)  # it may be live
            if self._recording.duration - made_up.end < silence:
                advance = self._recording.expected_frames - seek
        return segments[:kept], advance
