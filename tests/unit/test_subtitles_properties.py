"""Whatever the transcript holds, other programs read our files back: cues in order, inside the media, no word lost."""

import csv
import io
import itertools
import json
import re
from collections.abc import Callable
from html import unescape

import pysubs2
import pytest
import srt
import webvtt
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.transcripts import document, segment
from webvtt.models import Timestamp

from ovw.subtitles import FORMATS
from ovw.subtitles.document import Document
from ovw.subtitles.options import PLAIN, LayoutOptions
from ovw.subtitles.srt import mend_tags
from ovw.subtitles.text import LINE_END, SPACES, clean, no_arrow
from ovw.subtitles.timing import READING_CPS
from ovw.transcribe.result import Segment, Word

# how fast examples are made and read depends on the machine
UNTIMED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

Cues = list[tuple[int, int, str]]
"""Start and end in milliseconds, text without markup."""


def read_srt(text: str) -> Cues:
    found = list(srt.parse(text, ignore_errors=False))
    assert [cue.index for cue in found] == list(range(1, len(found) + 1))
    return [
        (round(c.start.total_seconds() * 1000), round(c.end.total_seconds() * 1000), mend_tags(c.content))
        for c in found
    ]


def read_vtt(text: str) -> Cues:
    found = webvtt.from_string(text, strict=True)
    return [(_ms(c.start_time), _ms(c.end_time), unescape(_unmarked(c.raw_text))) for c in found]


def read_ass(text: str) -> Cues:
    found = pysubs2.SSAFile.from_string(text, format_="ass")
    plain = str.maketrans("｛｝＼", "{}\\")
    return [(event.start, event.end, event.plaintext.translate(plain)) for event in found]


def read_tsv(text: str) -> Cues:
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter="\t", quoting=csv.QUOTE_NONE, strict=True))
    assert rows[0] == ["start", "end", "text"]
    return [(int(start), int(end), line) for start, end, line in rows[1:]]


def read_lrc(text: str) -> Cues:
    lines = [re.fullmatch(r"\[(\d\d+):(\d\d)\.(\d\d)\](.*)", line) for line in text.split("\n")[3:-1]]
    marks = [(int(m[1]) * 60_000 + int(m[2]) * 1000 + int(m[3]) * 10, m[4]) for m in lines if m]
    assert len(marks) == len(lines)
    return [(at, until, line) for (at, line), (until, _) in itertools.pairwise(marks) if line]


def _ms(at: Timestamp) -> int:
    return ((at.hours * 60 + at.minutes) * 60 + at.seconds) * 1000 + at.milliseconds


READERS: dict[str, Callable[[str], Cues]] = {
    "srt": read_srt, "vtt": read_vtt, "ass": read_ass, "tsv": read_tsv, "lrc": read_lrc,
}  # fmt: skip


def _unmarked(text: str) -> str:
    return text.replace("<u>", "").replace("</u>", "")


def words_of(text: str) -> str:
    """What is to be read, whatever the spaces."""
    return "".join(text.split())


def expected(source: Document) -> str:
    return words_of("".join(no_arrow(part) for s in source.segments for part in _parts(s)))


def _parts(source: Segment) -> list[str]:
    text = "".join(clean(w.word) for w in source.words) if source.words else clean(source.text)
    return [part.strip() for part in SPACES.split(text)]


TRICKY = st.sampled_from(
    ["-->", " --> ", "->", "--", "\0", "\r\n", "\n\n", "\u2028", "😀", "👨‍👩‍👧", "e\u0301", "\u202bعربي", "漢字、", "「", "」", "ー", "<b>", "&amp;",
     "{\\an8}", "\\N", "\\", "}", "[00:01.00]", "[x]", "WEBVTT", "NOTE", "STYLE", "1", "00:00:01,000 --> 00:00:02,000", "\t", ",",
     '"', "'", "\ufeff", "\u00a0", "\ud83d", "\ude00", "\x85", "Dialogue: ", "a. ", "word ", "and, "]
)  # fmt: skip
PLAIN_WORDS = ["one", "two,", "three.", "I", "antidisestablishmentarianism", "漢字かな", "ok!"]
TEXTS = st.one_of(
    st.lists(st.one_of(TRICKY, st.text(max_size=4)), max_size=8).map("".join),
    st.lists(st.sampled_from(PLAIN_WORDS), max_size=30).map(" ".join),
    st.text(max_size=30),
)
TIMES = st.one_of(st.floats(0, 60), st.floats(0, 60).map(lambda t: round(t, 2)), st.sampled_from([0.0, 29.98, 30.0]))
LENGTHS = st.one_of(st.floats(0, 30), st.sampled_from([0.0, 0.0004, 0.001, 0.01, 0.02]))


@st.composite
def timed_segments(draw: st.DrawFn, with_words: bool = False) -> Segment:
    start, length, text = draw(TIMES), draw(LENGTHS), draw(TEXTS)
    if not with_words and draw(st.booleans()):
        return segment(start, start + length, text)
    parts = re.findall(r"\s*\S+", text) or [text]
    chance = draw(st.randoms(use_true_random=False))
    edges = sorted(start + length * chance.choice((0, 0.5, chance.random(), 1)) for _ in range(2 * len(parts)))
    words = [Word(a, b, part, 0.5) for part, a, b in zip(parts, edges[::2], edges[1::2], strict=True)]
    return segment(start, start + length, "".join(parts), tuple(words))


LAYOUTS = st.builds(
    LayoutOptions,
    max_line_width=st.one_of(st.none(), st.integers(1, 50)),
    max_words=st.one_of(st.none(), st.integers(1, 8)),
    min_cue=st.floats(0, 3),
    max_cue=st.one_of(st.none(), st.floats(3, 8)),
    max_cps=st.one_of(st.none(), st.floats(1, 30)),
    min_gap=st.one_of(st.just(0.0), st.floats(0, 2)),
)
DOCUMENTS = st.builds(
    lambda segments, duration: document(*segments, duration=duration),
    st.lists(timed_segments(), max_size=6),
    st.one_of(st.floats(0.02, 70), st.sampled_from([0.02, 30.0, 36_000.0])),
)


def check(name: str, source: Document, layout: LayoutOptions) -> Cues:
    text = FORMATS[name](source, layout)
    text.encode("utf-8")
    cues = READERS[name](text)
    for start, end, line in cues:
        assert 0 <= start < end <= source.duration * 1000 + 1e-3
        assert words_of(line)
    assert all(a[1] <= b[0] for a, b in itertools.pairwise(cues))
    return cues


@pytest.mark.parametrize("name", READERS)
@UNTIMED
@given(DOCUMENTS, st.one_of(st.just(PLAIN), LAYOUTS))
def test_files_read_back(name: str, source: Document, layout: LayoutOptions) -> None:
    cues = check(name, source, layout)
    assert words_of("".join(line for _, _, line in cues)) == expected(source)


@pytest.mark.parametrize("name", ["srt", "vtt", "ass"])
@UNTIMED
@given(st.lists(timed_segments(with_words=True), max_size=4).map(lambda s: document(*s, duration=60.0)), LAYOUTS)
def test_highlighted_words_read_back(name: str, source: Document, layout: LayoutOptions) -> None:
    cues = check(name, source, layout.model_copy(update={"highlight_words": True}))
    shown = [line for line, _ in itertools.groupby(_unmarked(line) for _, _, line in cues)]
    plain = [line for line, _ in itertools.groupby(line for _, _, line in check(name, source, layout))]
    assert shown == plain


@UNTIMED
@given(DOCUMENTS, LAYOUTS)
def test_text_holds_every_word(source: Document, layout: LayoutOptions) -> None:
    text = FORMATS["txt"](source, layout)
    assert words_of(text) == expected(source)
    assert not LINE_END.search(text.replace("\n", ""))


@UNTIMED
@given(DOCUMENTS)
def test_json_holds_everything(source: Document) -> None:
    text = FORMATS["json"](source, PLAIN)
    text.encode("utf-8")
    data = json.loads(text)
    assert len(data["segments"]) == len(source.segments)
    for written, own in zip(data["segments"], source.segments, strict=True):
        assert (written["start"], written["end"]) == (own.start, own.end)
        assert written["text"] == own.text or not own.text.isprintable()
        assert [w["start"] for w in written.get("words", ())] == [w.start for w in own.words or ()]


@UNTIMED
@given(st.lists(TEXTS, max_size=4), LAYOUTS)
def test_limits_hold(texts: list[str], layout: LayoutOptions) -> None:
    source = document(*(segment(10 * i, 10 * i + 5, text) for i, text in enumerate(texts)), duration=60.0)
    for start, end, text in check("srt", source, layout):
        longest = max(layout.max_cue or 0.0, len(text) / READING_CPS if len(text.split()) == 1 else 0.0)
        assert layout.max_cue is None or end - start <= longest * 1000
        assert layout.max_line_width is None or text.count("\n") < layout.lines
