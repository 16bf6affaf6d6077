"""A known text cut into parts that fit windows."""

import itertools
from pathlib import Path

import numpy as np
import pytest

from ovw.api.align import require_passages
from ovw.errors import UsageError
from ovw.subtitles import FORMATS, Document, LayoutOptions
from ovw.subtitles.read import read_passages
from ovw.transcribe.forced_alignment import with_wordless
from ovw.transcribe.known_text import LONGEST_S, KnownWord, TextPart, known_words, matches, parts_of, passages_of
from ovw.transcribe.result import Segment, Word
from ovw.voice_activity.spans import FrameSpan

WORDS = [f"w{i}" for i in range(300)]


def recognised(words: list[str], seconds: float = 0.4, pauses: dict[int, float] | None = None) -> list[Word]:
    """Words one after the other, with pauses before some of them."""
    found, at = [], 0.0
    for i, word in enumerate(words):
        at += (pauses or {}).get(i, 0.0)
        found.append(Word(at, at + seconds, f" {word}", 0.9))
        at += seconds
    return found


def test_sentences_are_passages() -> None:
    text = "One two. Three, 4.5 four!\n\nA line without an end\n你好。世界。\n"
    assert passages_of(text) == ["One two.", "Three, 4.5 four!", "A line without an end", "你好。", "世界。"]
    assert passages_of(" \n\t") == []


def test_words_of_passages() -> None:
    assert [(w.passage, w.text) for w in known_words(["Hello, you", "there"], "en")] == [
        (0, " Hello,"), (0, " you"), (1, " there"),
    ]  # fmt: skip
    assert [w.text for w in known_words(["你好。"], "zh")] == [" 你", "好", "。"]


def test_passages_of_signs_have_no_words() -> None:
    assert [(w.passage, w.text) for w in known_words(["♪", "Yes 👍", "...", "—"], "en")] == [(1, " Yes"), (1, " 👍")]


def timed(number: int, start: float, end: float) -> Segment:
    return Segment(number, start, end, f" passage {number}", [], 0.0, 0.0, 0.0, 0.0, 0)


def test_passages_without_words_are_between_their_neighbours() -> None:
    passages = ["♪", "passage 1", "...", "—", "passage 4", "!", "passage 6", "👏", "🎉"]
    segments = [timed(1, 2.0, 3.0), timed(4, 5.0, 6.0), timed(6, 6.0, 7.0)]
    found = list(with_wordless(segments, passages, "en", lambda: 9.0))
    assert [(s.id, s.start, s.end) for s in found] == [
        (0, 0.0, 2.0), (1, 2.0, 3.0), (2, 3.0, 4.0), (3, 4.0, 5.0), (4, 5.0, 6.0), (5, 6.0, 6.0), (6, 6.0, 7.0),
        (7, 7.0, 8.0), (8, 8.0, 9.0),
    ]  # fmt: skip
    assert [s.text.strip() for s in found] == passages
    document = Document("", 9.0, "en", None, found)
    assert "00:00:03,000 --> 00:00:04,000\n...\n" in FORMATS["srt"](document, LayoutOptions())


@pytest.mark.parametrize("text", ["♪ ... —", ["👏", "!"]])
def test_signs_alone_cannot_be_aligned(text: str | list[str]) -> None:
    with pytest.raises(UsageError, match="no text to align"):
        require_passages(text)


def test_matches_are_in_order_and_leave_out_what_differs() -> None:
    known = known_words(["The CAT sat, on a mat"], "en")
    found = recognised(["the", "cat", "sits", "on", "the", "mat"])
    assert matches(known, found) == [(0, 0), (1, 1), (3, 3), (5, 5)]


@pytest.mark.parametrize("pauses", [{}, {40: 2.0, 95: 3.0, 140: 1.0, 220: 45.0}, {0: 70.0}])
def test_parts_hold_every_word_once_and_fit(pauses: dict[int, float]) -> None:
    known = known_words([" ".join(WORDS[at : at + 10]) for at in range(0, 300, 10)], "en")
    words = recognised(WORDS, pauses=pauses)
    parts = parts_of(known, words, words[-1].end + 3)
    assert [word for part in parts for word in part.words] == known
    assert all(part.span.end - part.span.start <= 100 * LONGEST_S + 200 for part in parts)
    assert all(a.span.end <= b.span.start + 1 for a, b in itertools.pairwise(parts))
    times = {word.word.strip(): word for word in words}
    for part in parts:
        for word in part.words:
            assert part.span.start / 100 <= times[word.text.strip()].start + 0.01
            assert times[word.text.strip()].end - 0.01 <= part.span.end / 100


def test_parts_end_at_the_longest_pause_in_reach() -> None:
    words = recognised(WORDS[:120], pauses={50: 1.5})
    first, *_ = parts_of(known_words([" ".join(WORDS[:120])], "en"), words, words[-1].end)
    assert len(first.words) == 50
    assert words[49].end < first.span.end / 100 < words[50].start


OTHER = [f"x{i}" for i in range(120)]


def spans_of(parts: list[TextPart]) -> dict[str, FrameSpan]:
    return {word.text.strip(): part.span for part in parts for word in part.words}


def test_speech_without_text_is_in_no_part() -> None:
    """Before, between and behind what the text has; also where a word beside it was not recognised."""
    spoken = [*OTHER[:60], *WORDS[:10], *OTHER[60:80], "v10", *WORDS[11:20], *OTHER[80:]]
    words = recognised(spoken)
    at = {word.word.strip(): word for word in words}
    known = known_words([" ".join(WORDS[:10]), " ".join(WORDS[10:20])], "en")
    parts = parts_of(known, words, words[-1].end + 1)
    assert [word for part in parts for word in part.words] == known
    spans = spans_of(parts)
    assert spans["w0"].start / 100 == pytest.approx(at["w0"].start, abs=0.51)
    assert spans["w9"].end / 100 == pytest.approx(at["w9"].end, abs=0.51)
    assert spans["w10"].start / 100 == pytest.approx(at["v10"].start - 2 * 0.4, abs=0.51)  # one of three words
    assert spans["w19"].end / 100 == pytest.approx(at["w19"].end, abs=0.51)


def test_an_aside_within_a_passage_is_in_no_part() -> None:
    words = recognised([*WORDS[:30], *OTHER[:10], *WORDS[30:60]])
    parts = parts_of(known_words([" ".join(WORDS[:60])], "en"), words, words[-1].end)
    spans = spans_of(parts)
    assert spans["w29"].end / 100 == pytest.approx(words[29].end, abs=0.01)
    assert spans["w30"].start / 100 == pytest.approx(words[40].start, abs=0.01)


def test_a_word_of_the_text_amid_other_speech_is_chance() -> None:
    """A word at the edge was not recognised, and stands by chance in the speech that has no text."""
    words = recognised([*OTHER[:20], "w0", *OTHER[20:40], "v0", *WORDS[1:20]])
    first, *_ = parts_of(known_words([" ".join(WORDS[:20])], "en"), words, words[-1].end)
    assert first.span.start / 100 >= words[38].start - 0.51


def test_other_words_for_the_text_are_no_other_speech() -> None:
    """Three recognised words for one of the text; hesitations of a second."""
    words = recognised([*WORDS[:10], "a", "b", "c", *WORDS[11:20], "er", "um", *WORDS[20:30]])
    (part,) = parts_of(known_words([" ".join(WORDS[:30])], "en"), words, words[-1].end)
    assert (part.span.start, part.span.end) == (0, round(100 * words[-1].end))


def test_a_passage_may_be_in_two_parts() -> None:
    words = recognised(WORDS[:100])
    parts = parts_of(known_words([" ".join(WORDS[:100])], "en"), words, words[-1].end)
    assert len(parts) > 1
    assert "".join(text for part in parts for _, text in part.passages()) == "".join(f" {word}" for word in WORDS[:100])


@pytest.mark.parametrize("found", [[], recognised(["nothing", "of", "that"] * 60)])
def test_what_is_not_recognised_is_shared_out_by_letters(found: list[Word]) -> None:
    known = [KnownWord(0, f" {word}") for word in WORDS]
    parts = parts_of(known, found, 100.0)
    assert [word for part in parts for word in part.words] == known
    lengths = [sum(len(word.text) for word in part.words) for part in parts]
    assert len(parts) >= 3
    assert np.ptp(lengths) <= 0.1 * max(lengths)
    assert all(part.span.end - part.span.start <= 3000 for part in parts)


def test_passages_of_lyrics(tmp_path: Path) -> None:
    """Without their tags: what ovw writes as LRC, and times of single words."""
    path = tmp_path / "song.lrc"
    path.write_text(
        "[ti:Song]\n[length:00:11]\n\n[00:00.35]And so my [fellow]\n[00:01.00][01:02.5]<00:01.00>Ask <00:01.50>not\n[00:11.00]\n"
    )
    assert read_passages(path) == ["And so my [fellow]", "Ask not", "Ask not"]


@pytest.mark.parametrize(
    ("name", "text", "passages"),
    [
        (
            "a.vtt",
            "WEBVTT\n\n00:00.000 --> 00:02.000\n<v Bob>his &amp; horse</v> {softly} <00:01.000><c>y</c> a &lt;b&gt;\n",
            ["his & horse {softly} y a <b>"],
        ),
        (
            "a.srt",
            "1\n00:00:00,000 --> 00:00:02,000\n{laughs} I <i>said</i> {\\an8}z &amp; so\non\n",
            ["{laughs} I said z &amp; so on"],
        ),
    ],
)
def test_passages_of_subtitles(tmp_path: Path, name: str, text: str, passages: list[str]) -> None:
    """Without markup; what WebVTT escapes is text again, and so are words in braces."""
    (tmp_path / name).write_text(text)
    assert read_passages(tmp_path / name) == passages
