"""Windows to segments."""

from dataclasses import replace
from itertools import chain

import numpy as np
import pytest
from support import scripted
from support.scripted import ScriptedSessions, ScriptedTokenizer, plainly, stretch

from ovw.models import find_size
from ovw.transcribe.batched import BatchedDecoder, in_batches
from ovw.transcribe.recording import Recording, Window
from ovw.transcribe.rests import cut_with_rests, is_echo
from ovw.transcribe.result import Segment, Word
from ovw.transcribe.segments import Cut, Piece, split_window
from ovw.transcribe.sequential import SequentialDecoder
from ovw.transcribe.words.alignment import WordTiming
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


@pytest.mark.parametrize(
    ("windows", "countable", "batches"),
    [
        (8, True, [8]),
        (15, True, [2, 4, 8, 1]),
        (20, True, [2, 4, 8, 6]),
        (3, False, [2, 1]),  # how many windows a long recording has is not known at its start
        (0, True, []),
        (0, False, []),
    ],
)
def test_what_needs_several_batches_begins_with_small_ones(windows: int, countable: bool, batches: list[int]) -> None:
    found = list(in_batches(range(windows), 8, countable=countable))
    assert [len(batch) for batch in found] == batches
    assert list(chain.from_iterable(found)) == list(range(windows))


@pytest.mark.parametrize(("ended", "batches"), [(True, [3]), (False, [2, 1])])
def test_windows_of_a_recording_that_goes_on_are_not_counted(ended: bool, batches: list[int]) -> None:
    sessions = ScriptedSessions([scripted.at(0), scripted.WORD])
    recording = stretch(6000, (0, 2000), (2000, 4000), (4000, 6000), ended=ended)
    decoder = BatchedDecoder(sessions, plainly(batch_size=8))
    found = list(decoder.transcribe_recording(recording, "en", [FrameSpan(0, 6000)]))
    assert [len(windows) for windows in sessions.encoded] == [len(segments) for segments, _ in found] == batches
    assert [done for _, done in found] == [2000 * int(count) for count in np.cumsum(batches)]


T, W = scripted.at, scripted.WORD


@pytest.mark.parametrize(
    ("tokens", "speech", "pieces", "rests"),
    [
        # the model found no speech behind its text, and there is none
        ([T(0), W, T(10)], [(500, 900)], [(5, 15, 3)], []),
        # there is speech behind the text
        ([T(0), W, T(10)], [(1600, 1800)], [(5, 15, 3)], [(1500, 2500)]),
        ([T(0), W, T(10)], [(1600, 1799)], [(5, 15, 3)], []),
        # the text breaks off: from its last timestamp on
        ([T(0), W, T(5), T(5), W], [], [(5, 10, 3)], [(1000, 2500)]),
        ([T(0), W, T(19), T(19), W], [], [(5, 24, 3)], [(2400, 2500)]),
        # so little is left that the text is taken to fill it
        ([T(0), W, T(19.5), T(19.5), W], [], [(5, 24.5, 3), (24.5, 25, 2)], []),
        # beyond the window
        ([T(0), W, T(22)], [], [(5, 25, 3)], []),
        # one word for six seconds of speech: in halves, if there is a pause to cut at
        ([T(0), W, T(20)], [(500, 800), (1200, 1500)], [], [(500, 800), (1200, 1500)]),
        ([T(0), W, W, W, W, W, W, T(20)], [(500, 800), (1200, 1500)], [(5, 25, 8)], []),
        ([T(0), W, T(20)], [(500, 800), (1200, 1399)], [(5, 25, 3)], []),
        ([T(0), W, T(20)], [(500, 1500)], [(5, 25, 3)], []),
    ],
)
def test_rests_of_a_window(
    tokens: list[int], speech: list[tuple[int, int]], pieces: list[tuple[float, float, int]], rests: list
) -> None:
    """Of 5 to 25 s; pieces with the number of their tokens."""
    window = Window(stretch(6000, *speech), FrameSpan(500, 2500), "en")
    found, left = cut_with_rests(window, tokens, ScriptedTokenizer(), timed=True)
    assert [(round(piece.start, 6), round(piece.end, 6), len(piece.tokens)) for piece in found] == pieces
    assert left == [FrameSpan(*rest) for rest in rests]


def test_a_text_without_timestamps_has_no_rest() -> None:
    window = Window(stretch(6000, (1600, 2000)), FrameSpan(500, 2500), "en")
    found, left = cut_with_rests(window, [T(0), W, T(10)], ScriptedTokenizer(), timed=False)
    assert (len(found), left) == (1, [])


def with_words(monkeypatch: pytest.MonkeyPatch, *times: tuple[float, float], probability: float = 0.01) -> None:
    """Have the words of every window at these seconds of it."""
    timings = [WordTiming(" word", [scripted.WORD], start, end, probability) for start, end in times]
    monkeypatch.setattr("ovw.transcribe.words.timer.align", lambda *asked: [replace(timing) for timing in timings])


def test_the_rest_of_a_window_begins_behind_its_last_word(monkeypatch: pytest.MonkeyPatch) -> None:
    with_words(monkeypatch, (1.0, 2.4), probability=1.0)
    sessions = ScriptedSessions([T(0), W, T(2)])
    decoder = BatchedDecoder(sessions, plainly(batch_size=8, word_timestamps=True))
    list(decoder.transcribe_recording(stretch(6000, (300, 790)), "en", [FrameSpan(0, 6000)]))
    assert sessions.encoded == [[(300, 790)], [(540, 790)]]


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


def run_in_turn(
    script: list[int], clips: list[tuple[int, int]], **options: object
) -> tuple[list[tuple[int, int]], list[tuple[int, ...]], list[int]]:
    """Of 40 s, the windows that are decoded one after the other, their prompts up to the start, and what is done."""
    sessions = ScriptedSessions(script)
    recording = Recording(iter([np.zeros(16_000 * 40, np.float32)]), sessions.dims)
    decoder = SequentialDecoder(sessions, recording, "en", plainly(word_timestamps=True, vad=False, **options))
    ends = [end for _, end in decoder.run([FrameSpan(*clip) for clip in clips])]
    prompts = [prompt[: prompt.index(scripted.SOT)] for prompt in sessions.decoder.prompts]
    return [span for (span,) in sessions.encoded], prompts, ends


def test_a_window_that_is_skipped_as_made_up_resets_no_prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in openai/whisper, whose loop goes on before the prompt is reset."""
    with_words(monkeypatch, (20.0, 20.02))
    options = {"initial_prompt": "A", "condition_on_previous_text": False, "hallucination_silence_threshold": 2.0}
    windows, prompts, _ = run_in_turn([T(0), W], [(0, 4000)], **options)
    assert windows[:2] == [(0, 3000), (2000, 4000)]
    assert prompts[:2] == [(scripted.SOT_PREV, W)] * 2


def test_a_clip_begins_where_it_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence behind made-up words goes on beyond the clip before."""
    with_words(monkeypatch, (0.0, 0.04), (0.04, 0.1))
    script = [T(0), W, T(0.04), T(0.04), W, T(0.1)]
    windows, _, ends = run_in_turn(script, [(3206, 3219), (3319, 3950)], hallucination_silence_threshold=8.0)
    assert windows[:2] == [(3206, 3219), (3319, 3950)]
    assert ends[0] == 3219
