"""Texts of subtitle files and of other files, as `ovw align` takes them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ovw.errors import OvwError
from ovw.subtitles import FORMATS, Document, LayoutOptions
from ovw.subtitles.ass import HEADER
from ovw.subtitles.read import read_passages
from ovw.transcribe.result import Segment


def event(start: str, text: str) -> str:
    return f"Dialogue: 0,{start},9:00:00.00,Default,,0,0,0,,{text}\n"


def test_cues_are_in_the_order_of_their_times(tmp_path: Path) -> None:
    """Editors group the events of an ASS file by style; those of one time stay as they are."""
    events = event("0:00:02.00", "third") + event("0:00:01.00", "first") + event("0:00:01.00", "second")
    (tmp_path / "a.ass").write_text(HEADER.format(title="") + events)
    assert read_passages(tmp_path / "a.ass") == ["first", "second", "third"]
    (tmp_path / "a.srt").write_text(
        "1\n00:00:02,000 --> 00:00:03,000\nsecond\n\n2\n00:00:01,000 --> 00:00:02,000\nfirst\n"
    )
    assert read_passages(tmp_path / "a.srt") == ["first", "second"]


SRT = "{}\n00:00:0{},000 --> 00:00:09,000\n{}\n\n"

NAMED_CUES = """WEBVTT Kind: captions

NOTE checked
by Anna

STYLE
::cue {}

intro
00:01.000 --> 00:02.000 align:start
<v Anna>Hi &amp; bye

2
00:02.000 --> 00:03.000
in
1984
"""


@pytest.mark.parametrize(
    ("name", "text", "passages"),
    [
        ("a.srt", SRT.format(1, 1, "in\n1984") + SRT.format(2, 2, "de es\n268"), ["in 1984", "de es 268"]),
        ("a.srt", SRT.format("", 1, "Count\n10") + SRT.format("", 2, "x"), ["Count 10", "x"]),
        ("a.srt", SRT.format(1, 1, "one\n\nmore") + SRT.format(2, 2, "two") + "3\n", ["one more", "two"]),
        ("a.srt", "1\n00:00:01,000 --> 00:00:02,000\none\n2\n00:00:02,000 --> 00:00:03,000\ntwo", ["one", "two"]),
        ("a.srt", SRT.format(1, 1, r"C:\New\home <i>a</i> {\an8}b < 5 > 4"), [r"C:\New\home a b < 5 > 4"]),
        ("a.srt", "1\r\n0:1:1,5 --> 0:1:2\r\nodd times\r\n", ["odd times"]),
        ("a.srt", (SRT.format(1, 1, "one") + SRT.format(2, 2, "two")).replace("\n", "\r\r\n"), ["one", "two"]),
        ("a.srt", (SRT.format(1, 1, "one") + SRT.format(2, 2, "two")).replace("\n", "\n\n"), ["one", "two"]),
        ("a.srt", SRT.format("1\n", 1, "one") + SRT.format("2\n", 2, "two"), ["one", "two"]),
        ("a.srt", SRT.format(57, 1, "one") + SRT.format(58, 2, "2"), ["one", "2"]),
        ("a.srt", SRT.format(1, 1, "one").replace("-->", "->"), ["one"]),
        ("a.srt", SRT.format(1, 1, "9" * 5000), ["9" * 5000]),
        ("a.vtt", NAMED_CUES, ["Hi & bye", "in 1984"]),
        ("a.vtt", NAMED_CUES.replace("\n", "\r\r\n"), ["Hi & bye", "in 1984"]),
        ("a.vtt", "WEBVTT\n00:01.000 --> 00:02.000\none\n00:03.000 --> 00:04.000\ntwo\n", ["one", "two"]),
    ],
)
def test_texts_of_cues(tmp_path: Path, name: str, text: str, passages: list[str]) -> None:
    """Neither numbers, identifiers and comments around them, nor markup in them; a line of digits is text."""
    (tmp_path / name).write_text(text, newline="")
    assert read_passages(tmp_path / name) == passages


@pytest.mark.parametrize(
    ("text", "passages"),
    [
        (r"{\an7\p1}m 0 0 l 100 0 100 50 0 50", ["Hello"]),
        (r"{\p2}m 0 0 l 100 0{\i1} 100 50{\pos(1,2)\p0}a sign", ["a sign", "Hello"]),
        (r"{\pos(10,20)}a sign", ["a sign", "Hello"]),
    ],
)
def test_drawings_are_no_text(tmp_path: Path, text: str, passages: list[str]) -> None:
    (tmp_path / "a.ass").write_text(HEADER.format(title="") + event("0:00:00.00", text) + event("0:00:01.00", "Hello"))
    assert read_passages(tmp_path / "a.ass") == passages


@pytest.mark.parametrize(
    ("text", "passages"),
    [
        ("[00:30.30][00:11.30]chorus\n[00:20.00]verse\n", ["chorus", "verse", "chorus"]),
        (
            "[00:10][01:10]one\ntwo\n[00:40:50]<00:40.50>three <00:41.00>four\n",
            ["one", "two", "three four", "one", "two"],
        ),
        ("[ti:Song]\nno times\nat all\n", ["no times", "at all"]),
        ("[99:59.99]last\n[0:01]first\n[00:02.00]\n", ["first", "last"]),
        ("[00:00.70]second\n[00:00.350]first\n", ["first", "second"]),
    ],
)
def test_lyrics_come_as_often_as_they_are_sung(tmp_path: Path, text: str, passages: list[str]) -> None:
    (tmp_path / "a.lrc").write_text(text)
    assert read_passages(tmp_path / "a.lrc") == passages


@pytest.mark.parametrize("ending", ["json", "verbose_json", "tsv"])
def test_what_ovw_writes_is_read(tmp_path: Path, ending: str) -> None:
    segments = [
        Segment(0, 0.0, 1.0, " Hello\tthere.", [], 0.0, 0.0, 1.0, 0.0, 0),
        Segment(1, 1.0, 2.0, ' "Ask" not.', [], 0.0, 0.0, 1.0, 0.0, 0),
    ]
    path = tmp_path / f"a.{ending}"
    path.write_text(FORMATS[ending](Document("a.wav", 2.0, "en", None, segments), LayoutOptions()), encoding="utf-8")
    assert read_passages(path) == ["Hello there.", '"Ask" not.']


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("a.ttml", "<tt><body>Hello</body></tt>", ".ttml is not supported"),
        ("a.SBV", "0:00:00.000,0:00:01.000\nHello\n", ".sbv is not supported"),
        ("a.json", '{"cues": ["Hello"]}', "it is no transcript of ovw"),
        ("a.json", '{"segments": [{"text": 1}]}', "it is no transcript of ovw"),
        ("a.json", "Hello", "it is no transcript of ovw"),
        ("a.json", "[]", "it is no transcript of ovw"),
        ("a.tsv", "path\tsentence\na.wav\tHello\n", "it is no table of ovw, with start, end and text"),
        ("a.tsv", "start\tend\ttext\n0\t900\n", "it is no table of ovw, with start, end and text"),
    ],
)
def test_other_data_is_refused(tmp_path: Path, name: str, text: str, why: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(OvwError, match=re.escape(f"{name} cannot be read as subtitles: {why}")) as caught:
        read_passages(tmp_path / name)
    assert "give a text file, or subtitles as" in str(caught.value.hint)


@pytest.mark.parametrize(("name", "text"), [("a.json", '{"segments": []}'), ("a.tsv", "start\tend\ttext\n")])
def test_nothing_to_align(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(OvwError, match=f"{name} has no cue in it"):
        read_passages(tmp_path / name)
