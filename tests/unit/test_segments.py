"""Windows to segments."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from ovw.models import find_size
from ovw.transcribe.batched import BatchedDecoder, Decoded, WindowResult, is_echo
from ovw.transcribe.decoding.task import DecodingResult
from ovw.transcribe.options import TranscribeOptions
from ovw.transcribe.prompt import Prompt, PromptBuilder
from ovw.transcribe.recording import Recording, Window
from ovw.transcribe.result import Segment, Word
from ovw.transcribe.segments import Cut, Piece, split_window
from ovw.transcribe.sequential import SequentialDecoder
from ovw.transcribe.words.hallucination import drop_hallucinated
from ovw.voice_activity.spans import FrameSpan

BEGIN = 1000


class Ids:
    timestamp_begin = BEGIN

    def is_timestamp(self, token: int) -> bool:
        return token >= BEGIN

    def seconds(self, token: int) -> float:
        return (token - BEGIN) * 0.02


def at(seconds: float) -> int:
    return BEGIN + round(seconds / 0.02)


@pytest.mark.parametrize(
    ("tokens", "size", "pieces", "advance"),
    [
        # two segments, the second unfinished: go on at its start
        ([at(0), 1, at(2), at(2), 2], 3000, [(5, 7, [at(0), 1, at(2)])], 200),
        # the same with a time beyond the window's sound: what follows it is not passed over
        ([at(0), 1, at(29), at(29), 2], 800, [(5, 34, [at(0), 1, at(29)])], 800),
        # a closing timestamp alone: nothing follows in this window
        (
            [at(0), 1, at(2), at(2.5), 2, at(4)],
            3000,
            [(5, 7, [at(0), 1, at(2)]), (7.5, 9, [at(2.5), 2, at(4)])],
            3000,
        ),
        # no pair: one piece up to its last timestamp
        ([at(0), 1, 2, at(3)], 800, [(5, 8, [at(0), 1, 2, at(3)])], 800),
        # no timestamp: the whole window
        ([1, 2], 800, [(5, 13, [1, 2])], 800),
        ([at(0)], 800, [(5, 13, [at(0)])], 800),
        ([], 800, [(5, 13, [])], 800),
    ],
)
def test_split_window(tokens: list[int], size: int, pieces: list, advance: int) -> None:
    cut = split_window(tokens, Ids(), 500, size)  # type: ignore[arg-type]
    found, moved = cut.pieces, cut.advance
    assert [(round(p.start, 6), round(p.end, 6), p.tokens) for p in found] == pieces
    assert moved == advance
    assert all(isinstance(p, Piece) for p in found)


@pytest.mark.parametrize(
    ("text", "echo", "closed"),
    [
        (" And a moment's energy. Besides, I cannot converse.", True, True),
        (" and a MOMENTS energy besides i CANNOT converse", True, True),
        (" Besides, I cannot.", False, False),  # not the end
        (" I cannot converse. No.", False, False),
        (" Besides, I cannot converse.", False, True),  # short enough to be repeated, but not behind the end
        (" Converse.", False, False),
        ("", False, False),
        (" Something else entirely.", False, False),
    ],
)
def test_a_rest_that_only_repeats_the_end(text: str, echo: bool, closed: bool) -> None:
    before = " She replied with a sort of tartness and a moment's energy. Besides, I cannot converse."
    assert is_echo(text, before, closed=False) is echo
    assert is_echo(text, before, closed=True) is closed
    assert not is_echo(text, "", closed=True)


class Counting(BatchedDecoder):
    """Counts the windows of each batch instead of decoding them."""

    def __init__(self, windows: int) -> None:
        self._options = TranscribeOptions(batch_size=8)
        self._count = windows
        self.batches: list[int] = []

    def _windows(self, recording: Recording, language: str | None, clip: FrameSpan) -> Iterator[Window]:
        for at in range(self._count):
            yield Window(recording, FrameSpan(2000 * at, 2000 * at + 2000), language)

    def _with_rests(self, windows: Iterable[Window]) -> Iterator[WindowResult]:
        self.batches.append(len(list(windows)))
        return iter(())


@pytest.mark.parametrize(
    ("windows", "seconds", "batches"),
    [
        (8, 160.0, [8]),
        (15, 290.0, [2, 4, 8, 1]),
        (20, 400.0, [2, 4, 8, 6]),
        (3, 400.0, [2, 1]),  # how many windows a long recording has is not known at its start
        (0, 1.0, []),
    ],
)
def test_the_first_batches_of_a_recording_that_needs_several_are_small(
    windows: int, seconds: float, batches: list[int]
) -> None:
    silence = iter([np.zeros(round(seconds * 16_000), np.float32)])
    recording = Recording(silence, find_size("tiny").dims)
    decoder = Counting(windows)
    assert list(decoder.transcribe_recording(recording, "en", [FrameSpan(0, 100_000)])) == [
        ([], at) for at in np.cumsum(batches) * 2000
    ]
    assert decoder.batches == batches


class Worded(BatchedDecoder):
    """Gives a window's words instead of decoding it: one that ends later than the text's last timestamp."""

    def __init__(self, recording: Recording) -> None:
        tokenizer = SimpleNamespace(text_of=lambda tokens: " word", is_timestamp=lambda token: False, eot=10)
        self._sessions = SimpleNamespace(tokenizer=tokenizer, dims=find_size("tiny").dims)
        self._options = TranscribeOptions(batch_size=8, word_timestamps=True, no_speech_threshold=None)

    def _cut(self, of: Window, result: DecodingResult) -> tuple[list[Piece], list[FrameSpan]]:
        return [Piece(1.0, 3.0, [1])], [FrameSpan(300, 2000)]

    def _timed(self, segments: list[Segment], decoded: Decoded) -> list[Segment]:
        (segment,) = segments
        return [replace(segment, words=(Word(1.0, 3.2, " word", 1.0),))]


def test_the_rest_of_a_window_begins_behind_its_last_word() -> None:
    recording = Recording(iter([np.zeros(16_000 * 60, np.float32)]), find_size("tiny").dims)
    decoder, window = Worded(recording), Window(recording, FrameSpan(0, 2000), "en")
    found = decoder._result_of(Decoded(window, "en", Prompt((), 0), np.zeros(0), DecodingResult([1], 0.0, 0, 1, 0)))
    assert [rest.span for rest in found.rests] == [FrameSpan(320, 2000)]


def test_what_follows_made_up_words_of_live_sound_is_awaited() -> None:
    """Only so far was read that the text seems to be the last; then more sound comes."""
    blocks = (np.zeros(16_000, np.float32) for _ in range(60))
    recording = Recording(blocks, find_size("tiny").dims, lookahead=0)
    window = Window(recording, FrameSpan(0, 3000), "en")
    said, made_up = (
        Segment(0, start, end, " you", [1], 0.0, -1.0, 1.0, 0.0, 0, words=(Word(start, end, " you", probability),))
        for start, end, probability in ((1.0, 2.0, 0.9), (28.0, 28.02, 0.01))
    )
    assert drop_hallucinated([said, made_up], Cut([], 2900, closed=True), window, 0.0, 4.0) == ([said], 2800)


@pytest.mark.parametrize(
    ("last_end", "closed", "silence", "advance"),
    [
        (20.0, False, 2.0, 2000),  # on from the last word
        (27.9, False, 2.0, 2790),
        (28.0, False, 2.0, 3000),  # what is left of the window is no longer than silence
        (28.0, False, None, 2800),
        (20.0, True, 2.0, 3000),  # as its timestamps have it
    ],
)
def test_the_next_window_begins_behind_the_last_word(
    last_end: float, closed: bool, silence: float | None, advance: int
) -> None:
    recording = Recording(iter([np.zeros(16_000 * 60, np.float32)]), find_size("tiny").dims)
    window = Window(recording, FrameSpan(0, 3000), "en")
    word = Word(last_end - 0.3, last_end, " you", 0.9)
    segment = Segment(0, word.start, word.end, " you", [1], 0.0, -0.1, 1.0, 0.0, 0, words=(word,))
    cut = Cut([], 3000, closed=closed)
    assert drop_hallucinated([segment], cut, window, 0.0, silence) == ([segment], advance)


class Scripted(SequentialDecoder):
    """Decodes every window to one word, which is timed as given."""

    def __init__(self, recording: Recording, options: TranscribeOptions, times: tuple[float, float]) -> None:
        tokenizer = SimpleNamespace(encode=lambda text: [7], sot=1, sot_prev=2, language_tokens={"en": 3}, transcribe=4)
        tokenizer.text_of, tokenizer.is_timestamp = (lambda tokens: " you"), (lambda token: False)
        self._sessions = SimpleNamespace(tokenizer=tokenizer, dims=find_size("tiny").dims)
        self._recording, self._language, self._options = recording, "en", options
        self._first, self._last_speech = True, 0.0
        self._prompts = PromptBuilder(tokenizer, options, 448)
        self._words = SimpleNamespace(time=lambda segments, window, *_: [self._timed(segments[0], window, *times)])
        self.windows: list[tuple[int, int]] = []
        self.prompts: list[tuple[int, ...]] = []

    def _timed(self, segment: Segment, window: Window, start: float, end: float) -> Segment:
        begin = window.span.start / 100
        word = Word(begin + start, begin + end, " you", 0.01)
        return replace(segment, start=word.start, end=word.end, words=(word,))

    def _encode(self, windows: list[Window]) -> list[np.ndarray]:
        self.windows += [(window.span.start, window.size) for window in windows]
        return [np.zeros(0)]

    def _detections(self, windows: list[Window], audio: list[np.ndarray]) -> list[None]:
        return [None]

    def _decode(self, windows: list[Window], audio: list[np.ndarray], prompts: list[Prompt]) -> list[DecodingResult]:
        self.prompts += [prompt.tokens[: prompt.sot] for prompt in prompts]
        return [DecodingResult([5], -0.5, 0.0, 1.0, 0.0)]


def scripted(seconds: float, times: tuple[float, float], **options: object) -> Scripted:
    recording = Recording(iter([np.zeros(round(16_000 * seconds), np.float32)]), find_size("tiny").dims)
    chosen = {"word_timestamps": True, "vad": False, "language": "en", "no_speech_threshold": None} | options
    return Scripted(recording, TranscribeOptions(**chosen), times)


def test_a_window_that_is_skipped_as_made_up_resets_no_prompt() -> None:
    """As in openai/whisper, whose loop goes on before the prompt is reset."""
    options = {"initial_prompt": "A", "condition_on_previous_text": False, "hallucination_silence_threshold": 2.0}
    decoder = scripted(40, (20.0, 20.02), **options)
    list(decoder.run([FrameSpan(0, 4000)]))
    assert decoder.windows[:2] == [(0, 3000), (2000, 2000)]
    assert decoder.prompts[:2] == [(2, 7), (2, 7)]


def test_a_clip_begins_where_it_was_asked_for() -> None:
    """Silence behind made-up words goes on beyond the clip before."""
    decoder = scripted(40, (0.0, 29.5), hallucination_silence_threshold=8.0)
    list(decoder.run([FrameSpan(3206, 3219), FrameSpan(3319, 3950)]))
    assert decoder.windows[:2] == [(3206, 13), (3319, 631)]
