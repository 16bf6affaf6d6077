"""Media in: every container and sample format the same, and one clear line for what cannot be read."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from ovw.audio.decode import load_audio
from ovw.errors import OvwError

SECONDS = 2


def tone(rate: int, channels: int = 1, hz: float = 440.0) -> np.ndarray:
    wave = 0.5 * np.sin(2 * np.pi * hz * np.arange(rate * SECONDS) / rate)
    return np.repeat(wave[None].astype(np.float32), channels, 0)


def write_audio(path: Path, codec: str, rate: int, layout: str, sample_format: str, video: bool = False) -> Path:
    with av.open(str(path), "w") as out:
        picture = None
        if video:
            picture = out.add_stream("libx264", rate=10)
            picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
        stream = out.add_stream(codec, rate=rate, layout=layout)
        samples = tone(rate, stream.codec_context.layout.nb_channels)
        if sample_format == "u8":
            samples = ((samples + 1) * 127.5).astype(np.uint8)
        elif sample_format.startswith("s16"):
            samples = (samples * 32767).astype(np.int16)
        if not sample_format.endswith("p"):
            samples = samples.T.reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format=sample_format, layout=layout)
        frame.sample_rate, frame.pts = rate, 0
        if picture is not None:
            for i in range(10 * SECONDS):
                image = av.VideoFrame(64, 48, "yuv420p")
                image.pts, image.time_base = i, Fraction(1, 10)
                out.mux(picture.encode(image))
            out.mux(picture.encode(None))
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("name", "codec", "rate", "layout", "sample_format", "video"),
    [
        ("a.wav", "pcm_s16le", 16000, "mono", "s16", False),
        ("a.wav", "pcm_u8", 8000, "mono", "u8", False),
        ("a.wav", "pcm_s16le", 192000, "stereo", "s16", False),
        ("a.flac", "flac", 44100, "stereo", "s16", False),
        ("a.m4a", "aac", 48000, "5.1", "fltp", False),
        ("a.mp3", "mp3", 22050, "mono", "fltp", False),
        ("a.mp4", "aac", 48000, "stereo", "fltp", True),
        ("a.mkv", "flac", 48000, "mono", "s16", True),
    ],
)
def test_formats(
    tmp_path: Path, name: str, codec: str, rate: int, layout: str, sample_format: str, video: bool
) -> None:
    samples = load_audio(write_audio(tmp_path / name, codec, rate, layout, sample_format, video))
    assert samples.dtype == np.float32
    assert abs(len(samples) - 16000 * SECONDS) < 16000 * 0.1
    middle = samples[8000:24000]
    loudest = np.abs(np.fft.rfft(middle)).argmax() * 16000 / len(middle)
    assert loudest == pytest.approx(440, abs=2)
    assert np.abs(middle).max() > 0.2


def test_sound_that_starts_after_the_picture_stays_in_step(tmp_path: Path) -> None:
    path = tmp_path / "late.mkv"
    late = 1.5
    with av.open(str(path), "w") as out:
        picture = out.add_stream("libx264", rate=10)
        picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
        sound = out.add_stream("flac", rate=16000, layout="mono")
        for i in range(40):
            image = av.VideoFrame(64, 48, "yuv420p")
            image.pts, image.time_base = i, Fraction(1, 10)
            out.mux(picture.encode(image))
        out.mux(picture.encode(None))
        frame = av.AudioFrame.from_ndarray((tone(16000) * 32767).astype(np.int16), format="s16", layout="mono")
        frame.sample_rate, frame.time_base, frame.pts = 16000, Fraction(1, 16000), int(late * 16000)
        out.mux(sound.encode(frame))
        out.mux(sound.encode(None))
    samples = load_audio(path)
    onset = np.argmax(np.abs(samples) > 0.1) / 16000
    assert onset == pytest.approx(late, abs=0.05)


def test_truncated_file_gives_what_is_there(tmp_path: Path) -> None:
    whole = write_audio(tmp_path / "a.flac", "flac", 16000, "mono", "s16").read_bytes()
    cut = tmp_path / "cut.flac"
    cut.write_bytes(whole[: len(whole) // 2])
    samples = load_audio(cut)
    assert 0.2 * SECONDS < len(samples) / 16000 < SECONDS


@pytest.mark.parametrize("name", ["interview:part1.wav", "http:talk.wav", "a b%41#.wav"])
def test_file_names_are_no_urls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    write_audio(tmp_path / "a.wav", "pcm_s16le", 16000, "mono", "s16").rename(tmp_path / name)
    assert len(load_audio(Path(name))) == len(load_audio(name))


@pytest.mark.parametrize("name", ["a.ogg", "a.aac", "a.flac", "a.mp3"])
def test_stubs_are_explained(tmp_path: Path, name: str) -> None:
    for content in (b"", b"OggS", b"fLaC" + b"\0" * 38, b"\xff\xfb"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(OvwError):
            load_audio(tmp_path / name)


def test_several_streams(tmp_path: Path) -> None:
    path = write_audio(tmp_path / "a.wav", "pcm_s16le", 16000, "mono", "s16")
    assert len(load_audio(path, 0))
    with pytest.raises(OvwError, match="no audio stream 1"):
        load_audio(path, 1)


def bad_files(folder: Path) -> dict[str, Path]:
    (folder / "text.mp4").write_text("this is not a video")
    (folder / "empty.wav").write_bytes(b"")
    (folder / "folder").mkdir()
    with av.open(str(folder / "silent.mp4"), "w") as out:
        picture = out.add_stream("libx264", rate=10)
        picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
        image = av.VideoFrame(64, 48, "yuv420p")
        image.pts, image.time_base = 0, Fraction(1, 10)
        out.mux(picture.encode(image))
        out.mux(picture.encode(None))
    return {name: folder / name for name in ("text.mp4", "empty.wav", "folder", "silent.mp4", "missing.mp3")}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("text.mp4", "cannot be read as audio or video"),
        ("empty.wav", "cannot be read as audio or video"),
        ("folder", "is a folder"),
        ("silent.mp4", "has no audio stream"),
        ("missing.mp3", "no such file"),
    ],
)
def test_what_cannot_be_read(tmp_path: Path, name: str, message: str) -> None:
    path = bad_files(tmp_path)[name]
    with pytest.raises(OvwError, match=message) as failure:
        load_audio(path)
    assert str(path) in failure.value.message
