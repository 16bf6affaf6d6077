"""Windows to segments, and segments to files."""

import itertools
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovw.errors import OvwError
from ovw.subtitles import FORMATS
from ovw.subtitles.cues import Cue, clock, lay_out
from ovw.subtitles.document import Document
from ovw.subtitles.output import plan_outputs, write_whole
from ovw.transcribe.result import Segment
from ovw.transcribe.segments import Piece, split_window

BEGIN = 1000
GOLDEN = Path(__file__).parents[1] / "golden"


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


def segment(start: float, end: float, text: str, number: int = 0) -> Segment:
    return Segment(number, start, end, text, [1], 0.0, -0.5, 1.2, 0.01, 0)


def document(*segments: Segment, duration: float = 9999.0) -> Document:
    return Document("talk.mp4", duration, "en", None, segments, {"name": "base"}, {"beam_size": 5})


def test_clock() -> None:
    assert clock(0, ",") == "00:00:00,000"
    assert clock(3_723_004, ".") == "01:02:03.004"
    assert clock(36_000_000 * 11, ",") == "110:00:00,000"


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 10), st.text(max_size=20)), max_size=12), st.floats(0.1, 90))
def test_cues_are_ordered_and_in_range(parts: list[tuple[float, float, str]], duration: float) -> None:
    parts = sorted(parts)
    cues = list(lay_out([segment(a, a + b, t) for a, b, t in parts], duration))
    assert all(cue.start_ms < cue.end_ms <= round(duration * 1000) for cue in cues)
    assert all(a.end_ms <= b.start_ms for a, b in itertools.pairwise(cues))
    for cue in cues:
        assert cue.text == cue.text.strip() != ""
        assert "-->" not in cue.text
        assert "\n\n" not in cue.text
        assert "\0" not in cue.text


def test_last_cue_is_cut_at_the_end() -> None:
    assert list(lay_out([segment(1, 9, " x")], 4.5)) == [Cue(1000, 4500, "x")]


SAMPLE = document(
    segment(0, 2.5, " Hello, world."),
    segment(2.5, 4, " An arrow --> and <b>tags</b> & more.", 1),
    segment(3599.9, 3661.25, " Über eine Stunde.\r\n\r\n😀", 2),
    segment(3661.25, 3661.25, " nothing", 3),
    segment(3700, 3702, "   ", 4),
)


@pytest.mark.parametrize("name", FORMATS)
def test_golden(name: str) -> None:
    """`python tests/unit/test_segments.py` writes these files anew."""
    assert FORMATS[name](SAMPLE) == (GOLDEN / f"sample.{name}").read_text(encoding="utf-8")


def test_json_schema() -> None:
    data = json.loads(FORMATS["json"](SAMPLE))
    assert data["schema"] == "ovw.transcript/1"
    assert next(s["text"] for s in data["segments"]) == " Hello, world."
    assert set(data["segments"][0]) >= {"id", "start", "end", "text", "tokens", "avg_logprob", "no_speech_prob"}


def test_outputs_never_collide(tmp_path: Path) -> None:
    a, b, c = tmp_path / "talk.mp3", tmp_path / "talk.mp4", tmp_path / "other.wav"
    planned = plan_outputs([a, b, c, a], ["srt"], None)
    assert [t["srt"].name for t in planned.values()] == ["talk.mp3.srt", "talk.mp4.srt", "other.srt"]
    for clashing in ([tmp_path / "a" / "t.mp4", tmp_path / "b" / "t.mp4"], [a, b, tmp_path / "talk.mp3.wav"]):
        with pytest.raises(OvwError, match="several inputs would be written"):
            plan_outputs(clashing, ["srt"], tmp_path / "out")
    with pytest.raises(OvwError, match="would be overwritten"):
        plan_outputs([tmp_path / "x.txt"], ["txt"], None)


def test_write_whole(tmp_path: Path) -> None:
    target = tmp_path / "a.srt"
    target.write_text("old")
    write_whole(target, "é\n")
    assert target.read_bytes() == "é\n".encode()
    assert list(tmp_path.iterdir()) == [target]
    with pytest.raises(OvwError, match="cannot write"):
        write_whole(tmp_path / "missing" / "a.srt", "x")


if __name__ == "__main__":
    for ending, render in FORMATS.items():
        (GOLDEN / f"sample.{ending}").write_text(render(SAMPLE), encoding="utf-8", newline="\n")
