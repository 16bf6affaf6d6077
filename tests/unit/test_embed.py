"""A subtitle track in a copy of a video."""

import hashlib
import re
import shutil
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from support.tiny_whisper import DEMO_VIDEO
from support.transcripts import document, segment

from ovw.errors import OvwError
from ovw.models import languages, track_language
from ovw.subtitles.embed import embed_subtitles, plan_embedding
from ovw.subtitles.layout import lay_out

CUES = lay_out(document(segment(0.5, 1, " Hello <b>x</b> & {y}"), segment(1, 1.75, " Zwei\nZeilen ü 😀"), duration=2.0))
TEXTS = ["Hello <b>x</b> & {y}", "Zwei\nZeilen ü 😀"]
SUBRIP = ["Hello <\u2060b>x<\u2060/b> & {y}", TEXTS[1]]


def make_video(path: Path, codec: str, start: int = 0) -> Path:
    """Two seconds of picture; H.264 with B-frames."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=10, width=64, height=48, pix_fmt="yuv420p")
        for i in range(20):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 9 * i, np.uint8), format="rgb24")
            frame.pts, frame.time_base = start * 10 + i, Fraction(1, 10)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def packets_of(path: Path) -> dict[str, list[tuple[float, str]]]:
    """When and what of every stream but subtitles."""
    found: dict[str, list[tuple[float, str]]] = {}
    with av.open(str(path)) as container:
        for packet in container.demux():
            if packet.size and packet.stream.type in ("video", "audio"):
                at = round(float((packet.pts or 0) * packet.time_base), 2)
                found.setdefault(packet.stream.type, []).append((at, hashlib.sha256(bytes(packet)).hexdigest()))
    return found


def read_back(path: Path) -> tuple[str, str | None, list[tuple[float, float, str]]]:
    """Codec, language and cues of the last subtitle track."""
    with av.open(str(path)) as container:
        stream = container.streams.subtitles[-1]
        found = []
        for packet in container.demux(stream):
            raw = bytes(packet)
            text = raw[2:] if stream.codec_context.name == "mov_text" else raw
            if text:
                start, length = (float(t * packet.time_base) for t in (packet.pts, packet.duration))
                found.append((round(start, 2), round(start + length, 2), text.decode()))
        return stream.codec_context.name, stream.metadata.get("language"), found


def timed(texts: list[str], origin: float = 0.0) -> list[tuple[float, float, str]]:
    return [(origin + 0.5, origin + 1.0, texts[0]), (origin + 1.0, origin + 1.75, texts[1])]


def test_demo_video(tmp_path: Path) -> None:
    before = DEMO_VIDEO.read_bytes()
    target = plan_embedding(DEMO_VIDEO, "demo", tmp_path)
    assert target == tmp_path / "ovw-demo.subtitled.mp4"
    embed_subtitles(DEMO_VIDEO, CUES, target, "de")
    assert read_back(target) == ("mov_text", "deu", timed(TEXTS))
    assert packets_of(target) == packets_of(DEMO_VIDEO)
    assert DEMO_VIDEO.read_bytes() == before
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize(
    ("name", "codec", "expected"),
    [
        ("a.mkv", "libx264", ("srt", "ger", timed(SUBRIP))),
        ("a.webm", "libvpx", ("webvtt", "ger", timed([t.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") for t in TEXTS]))),
        ("a.mov", "libx264", ("mov_text", "ger", timed(TEXTS))),
        ("a.M4V", "libx264", ("mov_text", "deu", timed(TEXTS))),
    ],
)  # fmt: skip
def test_containers(tmp_path: Path, name: str, codec: str, expected: tuple) -> None:
    source = make_video(tmp_path / name.lower(), codec).rename(tmp_path / name)
    target = tmp_path / f"out{source.suffix}"
    embed_subtitles(source, CUES, target, "de")
    assert read_back(target) == expected
    assert packets_of(target) == packets_of(source)


def test_cues_count_from_the_start_of_the_video(tmp_path: Path) -> None:
    source = make_video(tmp_path / "late.mkv", "libvpx", start=5)
    embed_subtitles(source, CUES, tmp_path / "out.mkv", "en")
    assert read_back(tmp_path / "out.mkv")[2] == timed(SUBRIP, origin=5.0)


def test_a_second_track_joins_the_first(tmp_path: Path) -> None:
    source = make_video(tmp_path / "a.mkv", "libvpx")
    embed_subtitles(source, CUES, tmp_path / "b.mkv", "en")
    embed_subtitles(tmp_path / "b.mkv", CUES[:1], tmp_path / "c.mkv", "xx")
    with av.open(str(tmp_path / "c.mkv")) as container:
        tracks = container.streams.subtitles
        assert [(t.metadata.get("language"), bool(t.disposition & 1)) for t in tracks] == [("eng", True), (None, False)]


def test_silence(tmp_path: Path) -> None:
    for ending in (".mp4", ".mkv"):
        source = make_video(tmp_path / f"a{ending}", "mpeg4")
        embed_subtitles(source, [], tmp_path / f"b{ending}", "en")
        assert packets_of(tmp_path / f"b{ending}") == packets_of(source)


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    video = shutil.copy(DEMO_VIDEO, tmp_path / "v.mp4")
    other = tmp_path / "other.mp4"
    other.write_text("mine")
    for target in (video, other):
        with pytest.raises(OvwError, match="would be overwritten"):
            embed_subtitles(video, CUES, target, "en")
    with pytest.raises(OvwError, match="would be overwritten"):
        embed_subtitles(video, CUES, video, "en", overwrite=True)
    assert other.read_text() == "mine"
    embed_subtitles(video, CUES, other, "en", overwrite=True)
    assert read_back(other)[2] == timed(TEXTS)


def test_refusals(tmp_path: Path) -> None:
    for name in ("a.mp3", "a.wav", "a.avi", "a"):
        with pytest.raises(OvwError, match=f"{re.escape(str(tmp_path / name))} cannot hold a subtitle track"):
            plan_embedding(tmp_path / name, name, tmp_path)
    with pytest.raises(OvwError, match="only in a file"):
        plan_embedding(None, "https://example.org/a.mp4", tmp_path)
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(OvwError, match="cannot be read"):
        embed_subtitles(tmp_path / "text.mp4", CUES, tmp_path / "out.mp4", "en")
    with pytest.raises(OvwError, match="cannot write"):
        embed_subtitles(DEMO_VIDEO, CUES, tmp_path / "out.webm", "en")
    with pytest.raises(OvwError, match="cannot write"):
        embed_subtitles(DEMO_VIDEO, CUES, tmp_path / "missing" / "out.mp4", "en")
    assert [path.name for path in tmp_path.iterdir()] == ["text.mp4"]


def test_every_language_has_a_code() -> None:
    codes = {code: track_language(code, "terminology") for code in languages()}
    assert all(len(three) == 3 and three != "und" for three in codes.values())
    assert len(set(codes.values())) == len(codes)
    forms = [track_language("fr", form) for form in ("terminology", "bibliographic", "quicktime")]
    assert forms == ["fra", "fre", "fra"]
