"""Transcripts to files."""

import json
from dataclasses import replace
from pathlib import Path

import av
import pytest
from support.transcripts import document, segment, spoken

from ovw.cli.transcription.config import TranscribeConfig
from ovw.config import resolve
from ovw.errors import OvwError, UsageError
from ovw.files import write_whole
from ovw.subtitles import FORMATS
from ovw.subtitles.cues import clock
from ovw.subtitles.options import PLAIN, LayoutOptions
from ovw.subtitles.read import read_passages

GOLDEN = Path(__file__).parents[1] / "golden"

SAMPLE = document(
    segment(0, 2.5, " Hello, world."),
    segment(2.5, 4, " An arrow --> and <b>tags</b> & more.", number=1),
    segment(3599.9, 3661.25, " Über eine Stunde.\r\n\r\n😀", number=2),
    segment(3661.25, 3661.25, " nothing", number=3),
    segment(3700, 3702, "   ", number=4),
)
SPOKEN = document(
    spoken(1, 4.2, " [Music] It's {braces}, \\N and a comma."),
    spoken(6, 15, " All of the work happens on this machine, and nothing is sent over the internet.", 1),
    spoken(36_000, 36_003, " Zehn Stunden später: Schluß & Ende.", 2),
    spoken(36_010, 36_012, " Past the end.", 3),
    duration=36_005.0,
)
BROADCAST = LayoutOptions(max_line_width=42, max_lines=2, min_cue=1, max_cue=7, max_cps=17, min_gap=0.08)
KARAOKE = BROADCAST.model_copy(update={"highlight_words": True})
GOLDENS = {"sample": (SAMPLE, PLAIN), "broadcast": (SPOKEN, BROADCAST), "karaoke": (SPOKEN, KARAOKE)}
NOT_LAID_OUT = ("json", "verbose_json")
CASES = [(case, name) for case in GOLDENS for name in FORMATS if case == "sample" or name not in NOT_LAID_OUT]


@pytest.mark.parametrize(("case", "name"), CASES)
def test_golden(case: str, name: str) -> None:
    """`PYTHONPATH=tests python tests/unit/test_subtitles.py` writes these files anew."""
    assert FORMATS[name](*GOLDENS[case]) == (GOLDEN / f"{case}.{name}").read_text(encoding="utf-8")


def test_clock() -> None:
    assert clock(0, ",") == "00:00:00,000"
    assert clock(3_723_004, ".") == "01:02:03.004"
    assert clock(36_000_000 * 11, ",") == "110:00:00,000"


def test_long_media() -> None:
    late = document(segment(36_000.04, 360_000.06, " x"), duration=400_000.0)
    written = {name: render(late, PLAIN) for name, render in FORMATS.items()}
    assert "\n10:00:00,040 --> 100:00:00,060\n" in written["srt"]
    assert "\n10:00:00.040 --> 100:00:00.060\n" in written["vtt"]
    assert "\n36000040\t360000060\tx\n" in written["tsv"]
    assert "\n[600:00.04]x\n[6000:00.06]\n" in written["lrc"]
    assert ",10:00:00.04,100:00:00.06,Default," in written["ass"]


def test_json_schema() -> None:
    data = json.loads(FORMATS["json"](SPOKEN, PLAIN))
    assert data["schema"] == "ovw.transcript/1"
    first = data["segments"][0]
    assert first["text"] == " [Music] It's {braces}, \\N and a comma."
    assert set(first) >= {"id", "start", "end", "text", "tokens", "avg_logprob", "no_speech_prob", "words"}
    assert first["words"][0] == {"start": 1.0, "end": 1.4571428571428573, "word": " [Music]", "probability": 0.9}
    assert "words" not in json.loads(FORMATS["json"](SAMPLE, PLAIN))["segments"][0]
    assert list(data).index("text") < list(data).index("options")


def test_verbose_json() -> None:
    """The keys of OpenAI's API reference, in its order."""
    data = json.loads(FORMATS["verbose_json"](SPOKEN, PLAIN))
    assert list(data) == ["task", "language", "duration", "text", "segments", "words"]
    assert (data["task"], data["language"], data["duration"]) == ("transcribe", "english", 36_005.0)
    assert list(data["segments"][0]) == [
        "id", "seek", "start", "end", "text", "tokens", "temperature", "avg_logprob", "compression_ratio",
        "no_speech_prob",
    ]  # fmt: skip
    assert data["words"][0] == {"word": "[Music]", "start": 1.0, "end": 1.4571428571428573}
    assert " ".join(word["word"] for word in data["words"]) == data["text"]
    assert "words" not in json.loads(FORMATS["verbose_json"](SAMPLE, PLAIN))
    german = replace(document(segment(0, 1, " Hi."), task="translate"), language="de")
    assert json.loads(FORMATS["verbose_json"](german, PLAIN))["language"] == "english"


@pytest.mark.parametrize("name", ["srt", "vtt", "tsv", "txt", "lrc", "ass"])
def test_text_past_the_end_is_kept(name: str) -> None:
    late = document(segment(0, 3, " One."), segment(3, 5, " Two."), segment(5.2, 7, " Three."), duration=5.0)
    text = FORMATS[name](late, PLAIN)
    assert text.index("One.") < text.index("Two.") < text.index("Three.")


def test_text_that_begins_past_the_end_of_everything() -> None:
    assert "00:00:04,000 --> 00:00:05,000\nhi\n" in FORMATS["srt"](document(segment(6, 7, " hi"), duration=5.0), PLAIN)


def test_highlighting_needs_words() -> None:
    with pytest.raises(UsageError, match="--word-timestamps"):
        FORMATS["srt"](SAMPLE, LayoutOptions(highlight_words=True))
    with pytest.raises(UsageError, match="--word-timestamps"):
        resolve(TranscribeConfig, {"highlight_words": True})


def test_formats_of_a_configuration() -> None:
    assert resolve(TranscribeConfig, {"format": "all"}).format == tuple(FORMATS)
    assert resolve(TranscribeConfig, {"format": ["vtt", "all", "vtt"]}).format[:2] == ("vtt", "srt")
    assert resolve(TranscribeConfig, {"format": ["ass"], "max_words": 3}).layout() == LayoutOptions(max_words=3)
    for wrong in (
        {"format": "doc"},
        {"format": [["srt"]]},
        {"format": 3},
        {"format": []},
        {"max_lines": 2},
        {"min_cue": 5, "max_cue": 2},
        {"embed": True, "output": "-"},
    ):
        with pytest.raises(UsageError):
            resolve(TranscribeConfig, wrong)
    assert resolve(TranscribeConfig, {"format": [], "embed": True}).format == ()  # the copies alone


def test_write_whole(tmp_path: Path) -> None:
    target = tmp_path / "a.srt"
    target.write_text("old")
    write_whole(target, "é\n")
    assert target.read_bytes() == "é\n".encode()
    assert list(tmp_path.iterdir()) == [target]
    with pytest.raises(OvwError, match="cannot write"):
        write_whole(tmp_path / "missing" / "a.srt", "x")


if __name__ == "__main__":
    for case, name in CASES:
        (GOLDEN / f"{case}.{name}").write_text(FORMATS[name](*GOLDENS[case]), encoding="utf-8", newline="\n")


@pytest.mark.parametrize("text", ["-->\u0e01\u0e32\u0e23", "\u0e01\u0e32\u0e23-->", "--->漢字", "漢字-->漢字"])
@pytest.mark.parametrize("name", ["srt", "vtt"])
def test_an_arrow_beside_a_script_without_spaces_is_no_time_line(name: str, text: str) -> None:
    """Such scripts are cut at words, and a cut within an arrow would let it through."""
    written = FORMATS[name](document(segment(0, 2, text)))
    assert written.count("-->") == 1
    assert text.strip("->").partition("-")[0] in written


def shown(path: Path) -> list[str]:
    """The cues of a file as FFmpeg decodes them, with its own markup."""
    with av.open(str(path)) as container:
        rects = [rect for packet in container.demux() for rect in packet.decode() if packet.size]
        return [rect.ass.decode().split(",", 8)[8] for rect in rects]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "text",
    [
        "a <b>x</b>", "see < i >", "<3> <br/>", "</u>x<u", "a {\\an8} b", "1 <2 <font size=1>", "I <3 you a->b",
        "<12a>", "a {s: hello} b", "{Y:i}hello", "x {c:$0000ff} red", "{y:b,u}", "{an8} x", "a < b and c > d",
    ],
)  # fmt: skip
@pytest.mark.parametrize("highlight_words", [False, True])
def test_players_take_no_text_of_srt_for_markup(tmp_path: Path, text: str, highlight_words: bool) -> None:
    layout = LayoutOptions(highlight_words=highlight_words)
    (tmp_path / "a.srt").write_text(FORMATS["srt"](document(spoken(0, 2, f" {text}")), layout), encoding="utf-8")
    found = [cue.replace("\u2060", "").replace("{\\u1}", "").replace("{\\u0}", "") for cue in shown(tmp_path / "a.srt")]
    assert set(found) == {text}
    if not highlight_words:
        assert read_passages(tmp_path / "a.srt") == [text]


def test_no_joiner_where_nothing_looks_like_a_tag() -> None:
    text = "4 > 3, {softly: yes} a->b & c > d"
    assert text in FORMATS["srt"](document(spoken(0, 2, f" {text}")))
