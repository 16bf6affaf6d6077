"""Cue layout: lines, splits, times."""

import pytest
from support.transcripts import document, segment, spoken

from ovw.subtitles.cues import Cue
from ovw.subtitles.layout import lay_out
from ovw.subtitles.options import LayoutOptions
from ovw.subtitles.text import columns
from ovw.transcribe.result import Word


def cues(text: str, *, end: float = 10.0, **options: object) -> list[Cue]:
    return lay_out(document(segment(0, end, text), duration=end), LayoutOptions(**options))


def texts(text: str, **options: object) -> list[str]:
    return [cue.text for cue in cues(text, **options)]


def times(found: list[Cue]) -> list[tuple[int, int]]:
    return [(cue.start_ms, cue.end_ms) for cue in found]


def test_by_default_a_segment_is_a_cue() -> None:
    long = " word" * 60
    assert texts(long) == [long.strip()]
    assert texts(" One.  Two.\nThree. ") == ["One. Two.\nThree."]


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("short enough", 12, "short enough"),
        ("one two three four five six", 20, "one two three\nfour five six"),
        # rather uneven than broken in a phrase
        ("When we came, we saw it and then won.", 24, "When we came,\nwe saw it and then won."),
        # a short word belongs to what follows
        ("everything of the little book", 20, "everything\nof the little book"),
        # filling the first line would leave "so." alone
        ("nobody in this town thought so.", 27, "nobody in this\ntown thought so."),
        ("Donaudampfschifffahrtsgesellschaft ahoi", 10, "Donaudampfschifffahrtsgesellschaft\nahoi"),
        ("one\ntwo", 20, "one two"),
    ],
)
def test_lines(text: str, width: int, expected: str) -> None:
    assert texts(text, max_line_width=width) == [expected]


def test_lines_are_even() -> None:
    (cue,) = cues("the quick brown fox jumps over the lazy dog and runs away", max_line_width=40)
    first, second = cue.text.split("\n")
    assert abs(len(first) - len(second)) <= 6


@pytest.mark.parametrize("width", range(4, 40))
def test_no_line_is_too_wide_or_too_many(width: int) -> None:
    text = "Mr. O'Neill — 12 élèves, e\u0301tude; 漢字かな交じり文を読む。 ok? No: don't!"
    for cue in cues(text, max_line_width=width, max_lines=2):
        lines = cue.text.split("\n")
        assert len(lines) <= 2
        assert all(columns(line) <= width or " " not in line for line in lines)


def test_chinese_and_japanese_break_between_characters() -> None:
    found = texts("今日は天気がいいので、「川」まで歩いて行きます。ラーメンも、食べましょう！", max_line_width=12)
    lines = [line for text in found for line in text.split("\n")]
    assert "".join(lines) == "今日は天気がいいので、「川」まで歩いて行きます。ラーメンも、食べましょう！"
    assert len(lines) > 5
    assert all(columns(line) <= 12 for line in lines)
    assert not any(line[0] in "、。」ーょ！" or line[-1] == "「" for line in lines)


def test_korean_breaks_between_words() -> None:
    assert texts("안녕하세요 세계 여러분", max_line_width=16) == ["안녕하세요\n세계 여러분"]


def test_right_to_left_text_keeps_its_order() -> None:
    text = "مرحبا بكم في هذا البرنامج، وشكرا لكم على المتابعة."
    (cue,) = cues(text, max_line_width=30)
    assert cue.text.split("\n") == ["مرحبا بكم في هذا البرنامج،", "وشكرا لكم على المتابعة."]


def test_splits_after_sentences_then_phrases_then_evenly() -> None:
    assert texts("First one here. Second, which is longer.", max_line_width=26, max_lines=1) == [
        "First one here.",
        "Second, which is longer.",
    ]
    assert texts("because it was late, they all went home", max_line_width=26, max_lines=1) == [
        "because it was late,",
        "they all went home",
    ]
    assert texts("one two three four five six", max_line_width=20, max_lines=1) == ["one two three", "four five six"]


def test_max_words_leaves_no_widow() -> None:
    assert [len(text.split()) for text in texts("a1 a2 a3 a4 a5 a6 a7", max_words=3)] in (
        [3, 2, 2],
        [2, 3, 2],
        [2, 2, 3],
    )
    assert texts("a b c", max_words=1) == ["a", "b", "c"]


def test_time_without_words_goes_by_columns() -> None:
    assert times(cues("aaaa bbbb cc", max_words=1)) == [(0, 4000), (4000, 8000), (8000, 10000)]
    assert times(cues("漢漢 bb", max_words=1)) == [(0, 3333), (3333, 6667), (6667, 10000)]


def test_time_with_words_is_theirs() -> None:
    words = (Word(1.0, 1.5, " One", 1), Word(1.5, 2, " two.", 1), Word(6, 6.5, " Three", 1), Word(6.5, 7, " four.", 1))
    source = document(segment(1, 7, " One two. Three four.", words), duration=9.0)
    assert times(lay_out(source, LayoutOptions(max_words=2))) == [(1000, 2000), (6000, 7000)]
    assert times(lay_out(source, LayoutOptions(max_cue=4))) == [(1000, 2000), (6000, 7000)]


def test_a_long_pause_is_a_good_place_to_split() -> None:
    words = tuple(Word(t, t + 0.3, f" w{i}", 1) for i, t in enumerate((0, 0.3, 2.0, 2.3, 2.6, 2.9)))
    source = document(segment(0, 3.2, "".join(w.word for w in words), words), duration=9.0)
    assert [cue.text for cue in lay_out(source, LayoutOptions(max_cue=2.5))] == ["w0 w1", "w2 w3 w4 w5"]


def test_min_cue_takes_free_time_only() -> None:
    source = document(segment(0, 0.5, " a"), segment(1, 1.2, " b"), segment(9.5, 9.7, " c"), duration=10.0)
    assert times(lay_out(source, LayoutOptions(min_cue=2))) == [(0, 1000), (1000, 3000), (9500, 10000)]
    assert times(lay_out(source, LayoutOptions(min_cue=2, min_gap=0.1))) == [(0, 900), (1000, 3000), (9500, 10000)]


def test_max_cps_takes_free_time_only() -> None:
    source = document(segment(0, 1, " abcdefghij klmnopqrs"), segment(1.5, 2, " abcdefghij"), duration=10.0)
    assert times(lay_out(source, LayoutOptions(max_cps=10))) == [(0, 1500), (1500, 2500)]


def test_max_cue_cuts_what_cannot_be_split() -> None:
    assert times(cues("Aaaah", max_cue=3)) == [(0, 3000)]
    assert all(cue.end_ms - cue.start_ms <= 3000 for cue in cues("one two three four five", max_cue=3))


def test_min_gap_trims_ends() -> None:
    source = document(segment(0, 2, " a"), segment(2, 2.1, " b"), segment(2.1, 4, " c"), duration=10.0)
    assert times(lay_out(source, LayoutOptions(min_gap=0.2))) == [(0, 1800), (2000, 2100), (2100, 4000)]


def test_overlapping_segments_lose_no_words() -> None:
    source = document(segment(0, 5, " a"), segment(2, 4, " b"), segment(4, 6, " c"), segment(1, 2, " d"), duration=10.0)
    found = lay_out(source)
    assert times(found) == [(0, 5000), (5000, 6000)]
    assert [cue.text for cue in found] == ["a\nb", "c\nd"]


def test_words_of_one_run_stay_together() -> None:
    words = (Word(0, 1, " don", 1), Word(1, 2, "'t", 1), Word(2, 3, " go", 1))
    source = document(segment(0, 3, " don't go", words), duration=3.0)
    assert [cue.text for cue in lay_out(source, LayoutOptions(max_words=1))] == ["don't", "go"]


def test_arrows_and_control_characters() -> None:
    assert texts(" a --> b ---> c \0d\x07 \ufeffe\r\n\r\n-\0-> f\u2028g") == ["a -> b -> c d e\n-> f\ng"]
    assert texts(" \ud83d\ude00 \ud800") == ["😀 \ufffd"]
    assert texts(" \0 \u00a0 ") == []


def test_no_break_spaces_hold_words_together() -> None:
    assert texts("Bonjour\u00a0! Salut", max_words=1) == ["Bonjour\u00a0!", "Salut"]


def test_marks_that_words_share() -> None:
    found = lay_out(document(spoken(0, 2, " a b"), duration=2.0), LayoutOptions(highlight_words=True))
    assert [cue.text for cue in found] == ["a b"]
