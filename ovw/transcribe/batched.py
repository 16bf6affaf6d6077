"""Windows cut at pauses and decoded together.

None knows of the others, but for the rest of a short recording: it has the text before it as prompt, as it has alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain, islice
from typing import TypeVar

import numpy as np

from ovw.audio.mel import FRAMES_PER_SECOND
from ovw.runtime.protocols import Audio
from ovw.transcribe.decoding.task import DecodingResult
from ovw.transcribe.fallback import is_skippable
from ovw.transcribe.language import identify
from ovw.transcribe.options import AUTO
from ovw.transcribe.prompt import Prompt, PromptBuilder
from ovw.transcribe.recording import SHORTEST_IN_SILENCE, Recording, Window
from ovw.transcribe.rests import cut_with_rests, is_echo
from ovw.transcribe.result import Detection, Segment
from ovw.transcribe.second_search import SecondSearch
from ovw.transcribe.segments import is_closed, make_segment
from ovw.transcribe.window_decoder import SECOND_TRY_BELOW, WindowDecoder
from ovw.transcribe.words.timer import last_word_end
from ovw.voice_activity.spans import FrameSpan

T = TypeVar("T")


@dataclass(frozen=True)
class Decoded:
    """A decoded window with its prompt, encoder output and result."""

    window: Window
    language: str | None
    prompt: Prompt
    audio: Audio
    result: DecodingResult
    detection: Detection | None = None


@dataclass(frozen=True)
class WindowResult:
    """The segments of a decoded window, the parts of it to decode again, and the language that was detected in it."""

    window: Window
    segments: list[Segment]
    rests: list[Window]
    detection: Detection | None


class BatchedDecoder(WindowDecoder):
    """Several windows at a time, of one recording or of many."""

    @cached_property
    def _second(self) -> SecondSearch:
        return SecondSearch(self._options)

    def transcribe_recording(
        self, recording: Recording, language: str | None, clips: Iterable[FrameSpan]
    ) -> Iterator[tuple[list[Segment], int]]:
        """The segments of each batch of a recording in turn, and the frame up to which it is done."""
        windows = self._windows_of(recording, language, clips)
        for group in in_batches(windows, self._options.batch_size, countable=recording.ended):
            segments = [segment for result in self._with_rests(group) for segment in result.segments]
            yield sorted(segments, key=lambda segment: segment.start), group[-1].span.end
            recording.forget(group[-1].span.end)

    def transcribe_recordings(
        self, recordings: Sequence[Recording], language: str | None
    ) -> list[tuple[list[Segment], Detection | None]]:
        """The segments of each of several recordings, and its language where that was to be detected.

        Windows of about the same length are decoded together.

        Args:
            recordings: what to decode.
            language: of all of them, as a window has it.
        """
        places = {id(recording): place for place, recording in enumerate(recordings)}
        segments: list[list[Segment]] = [[] for _ in recordings]
        detections: list[Detection | None] = [None] * len(recordings)
        windows: list[Window] = []
        for place, recording in enumerate(recordings):
            own = [one for clip in self._options.clips() for one in self._windows(recording, language, clip)]
            if language == AUTO and not self._shows_language(own):
                detections[place] = found = identify(self._sessions, recording, self._options)
                own = [replace(one, language=found.language) for one in own]
            windows += own
        for result in self._with_rests(sorted(windows, key=lambda window: -window.size)):
            place = places[id(result.window.recording)]
            segments[place] += result.segments
            if result.window.language == AUTO:
                detections[place] = result.detection
        in_order = [sorted(own, key=lambda segment: segment.start) for own in segments]
        return list(zip(in_order, detections, strict=True))

    def _shows_language(self, windows: Sequence[Window]) -> bool:
        """Whether a recording's only window, as it is decoded, shows its language: padded as openings are."""
        in_silence = self._options.padding != "mel" and all(one.size >= SHORTEST_IN_SILENCE for one in windows)
        wanted = not self._options.multilingual and self._options.language_detection_segments == 1
        return len(windows) == 1 and in_silence and wanted

    def _windows_of(self, recording: Recording, language: str | None, clips: Iterable[FrameSpan]) -> Iterator[Window]:
        """The windows of stretches of a recording; nothing is held of what lies between them."""
        end = 0
        for clip in clips:
            recording.skip(end, clip.start)
            yield from self._windows(recording, language, clip)
            end = clip.end

    def _windows(self, recording: Recording, language: str | None, clip: FrameSpan) -> Iterator[Window]:
        """The windows of a stretch of a recording, cut at pauses; what fits one window is taken as it is alone."""
        longest = self._sessions.dims.n_frames
        if recording.expected_frames <= longest:
            spans = _whole_windows(recording, clip)
        else:
            limit = min(longest, round(self._options.chunk_length * FRAMES_PER_SECOND))
            spans = recording.speech_windows(clip.start, clip.end, limit)
        for span in spans:
            yield Window(recording, span, language)

    def _with_rests(self, windows: Iterable[Window]) -> Iterator[WindowResult]:
        """Windows batch by batch, and what is left of them after that."""
        todo = list(windows)
        while todo:
            rests: list[Window] = []
            alone = [[window] for window in todo if window.prompts]  # their prompts differ in length
            together = [window for window in todo if not window.prompts]
            shortened = [window for window in together if not self._in_full(window)]
            in_full = [window for window in together if self._in_full(window)]  # the others would attend to as much
            for decoded in chain.from_iterable(map(self._decoded, (shortened, in_full, *alone))):
                result = self._result_of(decoded)
                rests += result.rests
                yield result
            todo = rests

    def _decoded(self, windows: Sequence[Window]) -> Iterator[Decoded]:
        """Decode windows batch by batch; those that are unsure again together, in batches of as many rows."""
        size = self._options.batch_size
        unsure: list[Decoded] = []
        for at in range(0, len(windows), size):
            for one in self._batch(windows[at : at + size]):
                if self._is_unsure(one):
                    unsure.append(replace(one, audio=self._sessions.detached(one.audio)))
                else:
                    yield one
            del one  # it holds the audio of its whole batch
            if self._second.beam_size * len(unsure) >= size or at + size >= len(windows):
                yield from self._searched_again(unsure)
                unsure = []

    def _is_unsure(self, decoded: Decoded) -> bool:
        if decoded.window.size < SECOND_TRY_BELOW or self._in_full(decoded.window):
            return False
        return self._sessions.approximations.unsure_search and self._second.is_wanted(decoded.result)

    def _batch(self, windows: Sequence[Window]) -> list[Decoded]:
        """Encode and decode windows together."""
        audio = self._encode(windows)
        detections = self._detections(windows, audio)
        languages = self._languages(windows, detections)
        builders = [window.prompts or self._prompts for window in windows]
        prompts = [builder.build(language, first=False) for builder, language in zip(builders, languages, strict=True)]
        results = self._decode(windows, audio, prompts)
        return [Decoded(*parts) for parts in zip(windows, languages, prompts, audio, results, detections, strict=True)]

    def _searched_again(self, unsure: Sequence[Decoded]) -> list[Decoded]:
        """Unsure windows, with the result of a second search where that is better."""
        if not unsure:
            return []
        task = replace(self._task, options=self._options.model_copy(update={"beam_size": self._second.beam_size}))
        rng = np.random.default_rng(self._options.seed)
        results = task.run([one.audio for one in unsure], [one.prompt for one in unsure], 0.0, rng)
        return [
            replace(one, result=found) if self._second.is_better(found, one.result) else one
            for one, found in zip(unsure, results, strict=True)
        ]

    def _result_of(self, decoded: Decoded) -> WindowResult:
        """The result of a window; empty if it is silent or only repeats the end of the window it is the rest of."""
        window, result = decoded.window, decoded.result
        nothing = WindowResult(window, [], [], decoded.detection)
        if is_skippable(result, self._options):
            return nothing
        tokenizer = self._sessions.tokenizer
        pieces, again = cut_with_rests(window, result.tokens, tokenizer, timed=not self._options.without_timestamps)
        made = [make_segment(piece, result, tokenizer, window.span.start, decoded.language) for piece in pieces]
        kept = [segment for segment in made if segment.start < segment.end and segment.text.strip()]
        text = "".join(segment.text for segment in kept)
        if is_echo(text, window.before, closed=window.closed):
            return nothing
        timed = self._timed(kept, decoded)
        words_end = round(last_word_end(timed, 0.0) * FRAMES_PER_SECOND)
        again = [FrameSpan(max(span.start, words_end), span.end) for span in again if words_end < span.end]
        earlier = self._prompts_after(window, kept, result.temperature) if again else None
        closed = is_closed(result.tokens, tokenizer)
        rests = [Window(window.recording, span, decoded.language, text, closed, earlier) for span in again]
        return WindowResult(window, timed, rests, decoded.detection)

    def _prompts_after(self, window: Window, segments: Sequence[Segment], temperature: float) -> PromptBuilder | None:
        """Prompts that know the text of a window of a short recording."""
        if window.recording.expected_frames > self._sessions.dims.n_frames:
            return None
        return (window.prompts or self._prompts).after((segment.tokens for segment in segments), temperature)

    def _timed(self, segments: list[Segment], decoded: Decoded) -> list[Segment]:
        """The segments with their words, if words are wanted."""
        if not self._options.word_timestamps:
            return segments
        window = replace(decoded.window, language=decoded.language)
        return self._words.time(segments, window, decoded.audio, window.span.start / FRAMES_PER_SECOND)


def in_batches(windows: Iterable[T], most: int, *, countable: bool) -> Iterator[list[T]]:
    """Windows in batches; what needs several begins with small ones, so that text comes soon.

    Args:
        windows: taken as they are needed.
        most: windows of a batch.
        countable: whether they may be looked at ahead, to see if one batch holds them all.
    """
    windows = iter(windows)
    first = list(islice(windows, most + 1)) if countable else []
    size = most if 0 < len(first) <= most else max(1, most // 4)
    windows = chain(first, windows)
    while group := list(islice(windows, size)):
        yield group
        size = min(2 * size, most)


def _whole_windows(recording: Recording, clip: FrameSpan) -> Iterator[FrameSpan]:
    """The windows of a short recording as `SequentialDecoder` takes them: only long pauses are left out."""
    seek = clip.start
    while (begin := recording.next_speech(seek)) is not None and begin < clip.end:
        seek = recording.speech_end(begin, clip.end)
        yield FrameSpan(begin, seek)
