"""Damaged and odd media: the right sound at the right time, or one clear error. Never a traceback, never a hang."""

import io
import logging
import os
import re
import struct
from pathlib import Path

import numpy as np
import pytest
from support.odd_media import RATE, decoded, encode, likeness, no_hang, speech

from ovw.audio.decode import load_audio, media_duration, stream_audio

_no_hang = pytest.fixture(autouse=True)(no_hang)
WORDS_S = 3.85
ALIKE = 0.85
FRAGMENTED = {"movflags": "frag_keyframe+empty_moov+default_base_moof", "frag_duration": "1000000"}
MP4 = ("a.mp4", "aac", {"rate": 48000, "video": "libx264"})


def case_id(case: tuple) -> str:
    name, codec, how = case
    return "-".join(
        [name.rpartition(".")[2], codec, *(f"{key}={value}" for key, value in how.items() if key != "options")]
    )


WHOLE = [
    ("a.wav", "pcm_u8", {"rate": 8000}),
    ("a.wav", "pcm_s24le", {"rate": 48000}),
    ("a.wav", "pcm_s32le", {}),
    ("a.wav", "pcm_f32le", {"rate": 192000, "layout": "stereo"}),
    ("a.wav", "pcm_f64le", {}),
    ("a.wav", "pcm_mulaw", {"rate": 8000}),
    ("a.wav", "pcm_alaw", {"rate": 8000}),
    ("a.wav", "pcm_s16le", {"rate": 48000, "layout": "5.1"}),
    ("a.wav", "adpcm_ms", {"rate": 22050}),
    ("a.wav", "g726", {"rate": 8000}),
    ("a.au", "pcm_mulaw", {"rate": 8000}),
    ("a.aiff", "pcm_s16be", {}),
    ("a.caf", "pcm_s16be", {}),
    ("a.w64", "pcm_s16le", {}),
    ("a.flac", "flac", {"rate": 48000, "layout": "7.1"}),
    ("a.flac", "flac", {"rate": 192000, "layout": "stereo"}),
    ("a.wv", "wavpack", {}),
    ("a.tta", "tta", {}),
    ("a.m4a", "alac", {"rate": 44100, "layout": "stereo"}),
    ("a.ogg", "libopus", {"rate": 48000}),
    ("a.ogg", "vorbis", {"layout": "stereo"}),
    ("a.opus", "libopus", {"rate": 16000}),
    ("a.mka", "libopus", {"rate": 48000}),
    ("a.mp3", "libmp3lame", {"rate": 44100, "layout": "stereo"}),
    ("a.mp3", "libmp3lame", {"rate": 44100, "cover": True}),
    ("a.flac", "flac", {"cover": True}),
    ("a.mp2", "mp2", {"rate": 48000}),
    ("a.aac", "aac", {"rate": 44100}),
    ("a.ac3", "ac3", {"rate": 48000, "layout": "5.1"}),
    ("a.eac3", "eac3", {"rate": 48000}),
    ("a.amr", "libopencore_amrnb", {"rate": 8000}),
    ("a.wma", "wmav2", {"rate": 44100}),
    ("a.g722", "g722", {}),
    ("a.mp4", "aac", {"rate": 48000, "options": {"movflags": "faststart"}}),
    ("a.mp4", "aac", {"rate": 48000, "options": FRAGMENTED}),
    MP4,
    ("a.mov", "pcm_s16le", {"video": "mpeg4"}),
    ("a.mkv", "flac", {"video": "libx264"}),
    ("a.webm", "libopus", {"rate": 48000, "video": "libvpx"}),
    ("a.ts", "aac", {"rate": 48000, "video": "libx264"}),
    ("a.avi", "libmp3lame", {"rate": 48000, "video": "mpeg4"}),
    ("a.flv", "aac", {"rate": 44100, "video": "flv"}),
    ("a.nut", "pcm_s16le", {}),
    # clocks: negative, late, and starting anywhere
    ("a.mkv", "libopus", {"rate": 48000, "video": "libx264", "start": -0.5}),
    ("a.mkv", "aac", {"rate": 48000, "start": 100.0}),
    ("a.ts", "aac", {"rate": 48000, "video": "libx264", "start": 100.0, "delay": 1.0}),
    ("a.mkv", "libopus", {"rate": 48000, "video": "libx264", "delay": 1.5}),
    ("a.mp4", "aac", {"rate": 48000, "video": "libx264", "delay": 1.5}),
    ("a.ts", "aac", {"rate": 48000, "video": "libx264", "delay": 1.5}),
    ("a.mp4", "aac", {"rate": 48000, "video": "libx264", "uneven": True}),
]


@pytest.mark.parametrize("case", WHOLE, ids=case_id)
def test_odd_but_whole(tmp_path: Path, case: tuple, caplog: pytest.LogCaptureFixture) -> None:
    name, codec, how = case
    words = speech()
    path = encode(tmp_path / name, codec, words, **how)
    expected = np.concatenate([np.zeros(round(how.get("delay", 0) * RATE), np.float32), words])
    found = load_audio(path)
    assert abs(len(found) - len(expected)) < 0.1 * RATE
    assert likeness(found, expected) > ALIKE
    assert not caplog.records
    claimed = media_duration(path)
    assert claimed is None or claimed == pytest.approx(len(expected) / RATE, rel=0.1)


CUT = [
    MP4,
    ("fast.mp4", "aac", {"rate": 48000, "options": {"movflags": "faststart"}}),
    ("frag.mp4", "aac", {"rate": 48000, "options": FRAGMENTED}),
    ("a.mkv", "libopus", {"rate": 48000, "video": "libx264"}),
    ("a.ogg", "libopus", {"rate": 48000}),
    ("a.mp3", "libmp3lame", {"rate": 44100}),
    ("a.aac", "aac", {"rate": 44100}),
    ("a.flac", "flac", {}),
    ("a.wav", "pcm_s16le", {}),
    ("a.ts", "aac", {"rate": 48000, "video": "libx264"}),
    ("a.avi", "libmp3lame", {"rate": 48000}),
    ("a.flv", "aac", {"rate": 44100, "video": "flv"}),
    ("a.amr", "libopencore_amrnb", {"rate": 8000}),
]
KEEPS_TIME = {"a.mp4", "fast.mp4", "a.mkv", "a.ogg", "a.flac", "a.wav", "a.ts"}
"""Containers whose clocks survive lost packets."""
COPIES = 3


@pytest.fixture(scope="module")
def long_media(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("long")
    words = speech(COPIES)
    return {name: encode(folder / name, codec, words, **how).read_bytes() for name, codec, how in CUT}


@pytest.mark.parametrize("part", [0.0, 0.001, 0.02, 0.3, 0.5, 0.7, 0.95])
@pytest.mark.parametrize("name", [name for name, _, _ in CUT])
def test_cut_off(tmp_path: Path, long_media: dict[str, bytes], name: str, part: float) -> None:
    whole = long_media[name]
    path = tmp_path / name
    path.write_bytes(whole[: int(part * len(whole))])
    found = decoded(path)
    if name == "a.mp4" or part == 0:
        assert found is None, "its index is gone"
    elif part >= 0.3:
        assert found is not None
        assert (part - 0.2) * COPIES * WORDS_S < len(found) / RATE < (part + 0.2) * COPIES * WORDS_S
        assert likeness(found, speech(COPIES)) > ALIKE


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", [name for name, _, _ in CUT])
def test_flipped_bytes(tmp_path: Path, long_media: dict[str, bytes], name: str, seed: int) -> None:
    """Damage in the middle; the last sentence stays at its time where the container has a clock."""
    content = bytearray(long_media[name])
    rng = np.random.default_rng(seed)
    for place in rng.integers(int(0.2 * len(content)), int(0.5 * len(content)), 30):
        content[place] ^= int(rng.integers(1, 256))
    path = tmp_path / name
    path.write_bytes(content)
    found = decoded(path)
    assert found is not None
    last = round(2.4 * WORDS_S * RATE)
    assert likeness(found[:RATE], speech()[:RATE]) > ALIKE
    if name in KEEPS_TIME:
        assert likeness(found[last:], speech(COPIES)[last:]) > ALIKE


@pytest.mark.parametrize("name", ["a.mkv", "a.ts", "a.ogg", "a.flac", "fast.mp4", "a.flv"])
def test_a_stretch_of_zeros_becomes_silence(tmp_path: Path, long_media: dict[str, bytes], name: str) -> None:
    content = long_media[name]
    a, b = int(0.4 * len(content)), int(0.6 * len(content))
    path = tmp_path / name
    path.write_bytes(content[:a] + bytes(b - a) + content[b:])
    found = load_audio(path)
    assert len(found) == pytest.approx(COPIES * WORDS_S * RATE, abs=0.15 * RATE)
    last = round(2.4 * WORDS_S * RATE)
    assert likeness(found[last:], speech(COPIES)[last:]) > ALIKE


@pytest.mark.parametrize("case", [("a.mkv", "libopus", {"rate": 48000}), MP4, ("a.ts", *MP4[1:])], ids=case_id)
def test_missing_packets_become_silence(tmp_path: Path, case: tuple, caplog: pytest.LogCaptureFixture) -> None:
    name, codec, how = case
    words = speech(2)
    found = load_audio(encode(tmp_path / name, codec, words, skip=(1.0, 3.0), **how))
    assert len(found) == pytest.approx(len(words), abs=0.1 * RATE)
    assert np.abs(found[int(1.2 * RATE) : int(2.8 * RATE)]).max() < 0.01
    assert likeness(found[4 * RATE :], words[4 * RATE :]) > ALIKE
    (record,) = caplog.records
    told = re.fullmatch(
        rf".*{name}: no sound for (\S+) s from 00:00:0[01] on, silence stands for it", record.getMessage()
    )
    assert told
    assert float(told[1]) == pytest.approx(2, abs=0.2)


def test_damage_is_told_in_one_line(
    tmp_path: Path, long_media: dict[str, bytes], caplog: pytest.LogCaptureFixture
) -> None:
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(long_media["fast.mp4"][: len(long_media["fast.mp4"]) // 2])
    load_audio(cut)
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "cut.mp4: its sound ends at 00:00:0" in record.getMessage()
    assert "its header claims 00:00:11" in record.getMessage()


@pytest.mark.parametrize(("name", "codec"), [("a.webm", "libopus"), ("a.mka", "flac"), ("a.mp4", "aac")])
def test_a_small_loss_at_the_end_is_noticed(
    tmp_path: Path, name: str, codec: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Of 2 s of sound a fifth of a second, where the container has nothing else; the whole file is as long as it says."""
    options = {"movflags": "faststart"} if codec == "aac" else None
    path = encode(tmp_path / name, codec, speech()[: 2 * RATE], rate=48000, options=options)
    whole = len(load_audio(path))
    assert not caplog.messages
    size, found = path.stat().st_size, whole
    while found > whole - 0.2 * RATE:
        caplog.clear()
        size -= 200
        os.truncate(path, size)
        found = len(load_audio(path))
    assert found > RATE
    (line,) = caplog.messages
    assert "its sound ends at 00:00:01" in line or "damaged after 00:00:01" in line


class Broken(io.BytesIO):
    """A disk that fails in the middle of a file."""

    def read(self, size: int | None = -1) -> bytes:
        if self.tell() > len(self.getbuffer()) // 2:
            raise OSError(5, "Input/output error")
        return super().read(size)


@pytest.mark.parametrize("name", ["a.wav", "a.mp3", "a.mkv"])
def test_a_read_error_keeps_what_came_before(
    long_media: dict[str, bytes], name: str, caplog: pytest.LogCaptureFixture
) -> None:
    found = load_audio(Broken(long_media[name]))
    assert 0.3 * COPIES * WORDS_S < len(found) / RATE < 0.8 * COPIES * WORDS_S
    assert likeness(found, speech(COPIES)) > ALIKE
    assert "damaged after 00:00:0" in caplog.text or "its sound ends at" in caplog.text
    (line,) = caplog.messages
    assert line.endswith("; reading failed: Input/output error")


def wav(path: Path, **fields: int) -> Path:
    """A WAV whose header fields say something else than its samples."""
    content = bytearray(encode(path, "pcm_s16le", speech()).read_bytes())
    places = {"kind": (20, "<H"), "channels": (22, "<H"), "rate": (24, "<I"), "bits": (34, "<H")}
    places["data"] = (content.index(b"data") + 4, "<I")
    for field, value in fields.items():
        struct.pack_into(places[field][1], content, places[field][0], value)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFF000, 10_000_000])
def test_wav_with_a_wrong_size(tmp_path: Path, size: int, caplog: pytest.LogCaptureFixture) -> None:
    found = load_audio(wav(tmp_path / "a.wav", data=size))
    assert len(found) == len(speech())
    assert likeness(found, speech()) > ALIKE
    told = ["cut off: its header announces 100000" in message for message in caplog.messages]
    assert told == ([True] if size == 10_000_000 else [])  # the others stand for a size that is not known


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("rate", 0), ("rate", 1), ("rate", 999), ("rate", 50_000_000), ("rate", 4_000_000_000), ("channels", 0),
        ("channels", 65535), ("bits", 0), ("bits", 65535), ("kind", 0), ("kind", 0x55), ("kind", 0xFFFF),
    ],
)  # fmt: skip
def test_wav_with_an_impossible_header(tmp_path: Path, field: str, value: int) -> None:
    assert decoded(wav(tmp_path / "a.wav", **{field: value})) is None


@pytest.mark.parametrize("channels", [3, 10, 24, 64])
def test_many_channels(tmp_path: Path, channels: int) -> None:
    words = (speech() * 32767).astype("<i2")
    content = np.repeat(words[:, None], channels, 1).tobytes()
    header = b"RIFF\0\0\0\0WAVEfmt " + struct.pack(
        "<IHHIIHH", 16, 1, channels, RATE, RATE * 2 * channels, 2 * channels, 16
    )
    path = tmp_path / "a.wav"
    path.write_bytes(header + b"data" + struct.pack("<I", len(content)) + content)
    found = load_audio(path)
    assert len(found) == len(words)
    assert np.abs(found - speech()).max() < 0.01


@pytest.mark.parametrize(
    ("ending", "codec", "first", "second"),
    [
        ("ogg", "libopus", {"rate": 48000}, {"rate": 48000}),
        ("mp3", "libmp3lame", {"rate": 44100, "layout": "stereo"}, {"rate": 16000}),
        ("aac", "aac", {"rate": 44100}, {"rate": 22050, "layout": "stereo"}),
        ("ac3", "ac3", {"rate": 48000, "layout": "5.1"}, {"rate": 44100}),
        ("ts", "aac", {"rate": 48000}, {"rate": 44100, "layout": "stereo"}),
    ],
)
def test_joined_files_change_their_format_in_the_middle(
    tmp_path: Path, ending: str, codec: str, first: dict, second: dict
) -> None:
    parts = [encode(tmp_path / f"{i}.{ending}", codec, speech(), **how) for i, how in enumerate((first, second))]
    path = tmp_path / f"joined.{ending}"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    found = load_audio(path)
    assert len(found) / RATE == pytest.approx(2 * WORDS_S, abs=0.15)
    second_half = round(WORDS_S * RATE)
    assert likeness(found[second_half:], speech(), lag=0.2) > ALIKE


def test_a_chain_that_cannot_be_followed_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    parts = [
        encode(tmp_path / f"{i}.ogg", "libopus", speech(), rate=48000, layout=("mono", "stereo")[i]) for i in (0, 1)
    ]
    path = tmp_path / "joined.ogg"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    assert likeness(load_audio(path), speech()) > ALIKE
    assert "joined.ogg: damaged after 00:00:03, transcribed up to there" in caplog.text


def test_blocks_are_bounded(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mkv", "libopus", speech(4), rate=48000, skip=(2.0, 9.0))
    lengths = [len(block) for block in stream_audio(path)]
    assert min(lengths[:-1]) >= RATE
    assert max(lengths) < 2 * RATE


WORDS = "so we will walk to the river."


@pytest.mark.weights
def test_words_of_odd_media(tmp_path: Path, real_tiny_en: object, long_media: dict[str, bytes]) -> None:
    from ovw import Whisper

    whisper = Whisper(real_tiny_en.folder)  # type: ignore[attr-defined]
    cut = tmp_path / "fast.mp4"
    cut.write_bytes(long_media["fast.mp4"][: int(0.4 * len(long_media["fast.mp4"]))])
    for path, start in (
        (encode(tmp_path / "u8.wav", "pcm_u8", speech(), rate=8000), 0.0),
        (encode(tmp_path / "amr.amr", "libopencore_amrnb", speech(), rate=8000), 0.0),
        (encode(tmp_path / "surround.flac", "flac", speech(), rate=192000, layout="5.1"), 0.0),
        (encode(tmp_path / "late.mp4", "aac", speech(), rate=48000, video="libx264", delay=3.0), 3.0),
        (wav(tmp_path / "size.wav", data=0xFFFFFFFF), 0.0),
        (cut, 0.0),
    ):
        segments = list(whisper.transcribe(path, beam_size=1, temperature=(0.0,)))
        text = "".join(segment.text for segment in segments).strip()
        assert WORDS in text, path.name
        assert segments[0].end >= start + 3
