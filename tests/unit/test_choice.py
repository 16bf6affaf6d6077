"""Which track and which channel of a file is transcribed."""

from __future__ import annotations

import logging
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from ovw.audio.choice import SoundChoice
from ovw.audio.decode import channels_of, load_audio, media_duration, stream_audio
from ovw.audio.inputs import Input, of_each_channel
from ovw.audio.samples import as_samples
from ovw.errors import OvwError

RATE = 16_000


def tone(hertz: float, seconds: float = 1.0) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(round(RATE * seconds)) / RATE)


def pitch(samples: np.ndarray) -> int:
    """The loudest frequency."""
    return round(np.abs(np.fft.rfft(samples)).argmax() * RATE / len(samples) / 10) * 10


def write_tracks(path: Path, *tracks: tuple[float, str, str]) -> Path:
    """A file with tones as its tracks: frequency, language, disposition."""
    with av.open(str(path), "w") as out:
        streams = []
        for hertz, language, disposition in tracks:
            stream = out.add_stream("aac" if path.suffix == ".mp4" else "flac", rate=RATE, layout="mono")
            if language:
                stream.metadata["language"] = language
            stream.disposition = getattr(av.stream.Disposition, disposition) if disposition else 0
            streams.append((stream, hertz))
        packets = [packet for stream, hertz in streams for packet in encoded(stream, tone(hertz)[None])]
        for packet in sorted(packets, key=lambda p: p.dts * p.time_base):
            out.mux(packet)
    return path


def write_channels(path: Path, *channels: np.ndarray, layout: str = "stereo") -> Path:
    with av.open(str(path), "w") as out:
        stream = out.add_stream("pcm_s16le", rate=RATE, layout=layout)
        for packet in encoded(stream, np.array(channels)):
            out.mux(packet)
    return path


def encoded(stream, samples: np.ndarray) -> list:
    context = stream.codec_context
    packets = []
    for start in range(0, samples.shape[1], 1024):
        part = np.ascontiguousarray(samples[:, start : start + 1024], np.float32)
        frame = av.AudioFrame.from_ndarray(part, format="fltp", layout=context.layout.name)
        frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
        packets += [p for f in av.AudioResampler(context.format.name).resample(frame) for p in stream.encode(f)]
    return packets + stream.encode(None)


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4"])
def test_the_default_track_is_used(tmp_path: Path, name: str):
    path = write_tracks(tmp_path / name, (300, "ger", ""), (700, "eng", "default"))
    assert pitch(load_audio(path)) == 700
    assert pitch(load_audio(path, 0)) == 300
    assert pitch(load_audio(path, SoundChoice(language="de"))) == 300
    assert pitch(load_audio(path, SoundChoice(language="en-US"))) == 700


@pytest.mark.parametrize(
    ("tracks", "expected"),
    [
        ([(300, "ger", ""), (700, "eng", "")], 300),
        ([(300, "ger", "default"), (700, "eng", "default")], 300),
        ([(300, "eng", "visual_impaired"), (700, "eng", "")], 700),
        ([(300, "", ""), (700, "", "default"), (900, "", "default")], 700),
        ([(300, "eng", "comment"), (700, "eng", "")], 700),
    ],
)
def test_of_several_tracks(tmp_path: Path, tracks: list, expected: int):
    assert pitch(load_audio(write_tracks(tmp_path / "a.mkv", *tracks))) == expected


def test_a_language_chooses_its_main_track(tmp_path: Path):
    tracks = [(300, "eng", "visual_impaired"), (500, "ger", "default"), (700, "eng", ""), (900, "eng", "")]
    path = write_tracks(tmp_path / "a.mkv", *tracks)
    assert pitch(load_audio(path, SoundChoice(language="english"))) == 700
    with pytest.raises(OvwError, match="no audio track in 'fr'") as caught:
        load_audio(path, SoundChoice(language="fr"))
    assert "0 en, 1 de (default), 2 en, 3 en" in caught.value.hint


def test_a_language_is_no_matter_where_no_track_has_one(tmp_path: Path):
    path = write_tracks(tmp_path / "a.mkv", (300, "", ""), (700, "", "default"))
    assert pitch(load_audio(path, SoundChoice(language="fr"))) == 700


def test_several_tracks_are_named_once(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    path = write_tracks(tmp_path / "a.mkv", (300, "ger", ""), (700, "eng", "default"))
    with caplog.at_level(logging.WARNING):
        media_duration(path, report=True)
        load_audio(path)
    (line,) = caplog.messages
    assert "2 audio tracks: 0 de, 1 en (default); 1 is used" in line
    caplog.clear()
    media_duration(path, 0, report=True)
    assert not caplog.messages
    with path.open("rb") as file:
        list(stream_audio(file))
    assert len(caplog.messages) == 1


def test_channels(tmp_path: Path):
    path = write_channels(tmp_path / "a.wav", tone(300), tone(700))
    assert pitch(load_audio(path, SoundChoice(channel=0))) == 300
    assert pitch(load_audio(path, SoundChoice(channel=1))) == 700
    assert channels_of(path) == 2
    with pytest.raises(OvwError, match="no channel channel3"):
        load_audio(path, SoundChoice(channel=2))
    mono = write_channels(tmp_path / "mono.wav", tone(300), layout="mono")
    with pytest.raises(OvwError, match="no channel right"):
        load_audio(mono, SoundChoice(channel=1))


@pytest.mark.parametrize(
    ("name", "codec", "layout", "channels"), [("a.m4a", "aac", "7.1", 8), ("a.wv", "wavpack", "24 channels", 24)]
)
def test_channels_in_planes_of_their_own(name: str, codec: str, layout: str, channels: int, tmp_path: Path):
    """PyAV counts more planes than there are where there are eight or more, and reading those ends the process."""
    path = tmp_path / name
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=RATE, layout=layout, format="fltp")
        sound = np.array([tone(500 + 100 * channel) for channel in range(channels)], np.float32)
        packed = np.ascontiguousarray(sound.T.reshape(1, -1))
        frame = av.AudioFrame.from_ndarray(packed, format="flt", layout=layout)
        frame.sample_rate = RATE
        for packet in (*stream.encode(frame), *stream.encode(None)):
            out.mux(packet)
    assert pitch(load_audio(path, SoundChoice(channel=2))) == 700
    assert pitch(load_audio(path, SoundChoice(channel=channels - 2))) == 500 + 100 * (channels - 2)
    assert len(load_audio(path)) >= RATE


@pytest.mark.parametrize(("right", "side"), [(-1.0, "left"), (-0.8, "left"), (-1.25, "right")])
def test_channels_that_cancel_are_not_mixed(tmp_path: Path, caplog: pytest.LogCaptureFixture, right: float, side: str):
    path = write_channels(tmp_path / "a.wav", tone(300, 2), right * tone(300, 2))
    found = load_audio(path)
    assert np.sqrt((found**2).mean()) == pytest.approx(0.35 * max(1, -right), rel=0.05)
    assert f"the {side} one is used" in caplog.text


def test_channels_that_do_not_cancel_are_mixed_as_ever(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    rng = np.random.default_rng(0)
    pairs = [(tone(300), tone(300)), (tone(300), tone(700)), (tone(300), 0 * tone(300)), rng.normal(0, 0.1, (2, RATE))]
    for number, (left, right) in enumerate(pairs):
        found = load_audio(write_channels(tmp_path / f"{number}.wav", left, right))
        assert np.allclose(found, (left + right) / 2, atol=2e-4)
    assert not caplog.text


def test_arrays_that_cancel(caplog: pytest.LogCaptureFixture):
    sound = tone(300).astype(np.float32)
    assert np.allclose(as_samples(np.stack([sound, -sound])), sound)
    assert "cancel" in caplog.text
    assert np.allclose(as_samples(np.stack([sound, sound], axis=1)), sound)


def test_an_input_a_channel(tmp_path: Path):
    item = Input("call.wav", "call.wav", tmp_path, path=tmp_path / "call.wav")
    left, right, third = of_each_channel(item, lambda path: 3)
    assert (left.stem, right.stem, third.stem) == ("call.left", "call.right", "call.channel3")
    assert right.sound(SoundChoice(language="de")) == SoundChoice(language="de", channel=1)
    assert of_each_channel(item, lambda path: 1) == [item]
    with pytest.raises(OvwError, match="standard input: --channel each"):
        of_each_channel(Input("standard input", "stdin", tmp_path), lambda path: 2)
