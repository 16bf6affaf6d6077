"""Sound that is cut off is told wherever the container allows to know, and whole files raise no alarm."""

import io
import logging
from pathlib import Path

import numpy as np
import pytest
from support.odd_media import encode
from support.speech_files import wav

from ovw.audio.completeness import missing_end
from ovw.audio.decode import load_audio

SECONDS = 4
KINDS = [
    ("a.wav", "pcm_s16le", {}), ("a.wav", "pcm_f32le", {}), ("a.wav", "adpcm_ms", {}), ("a.w64", "pcm_s16le", {}), ("a.caf", "pcm_s16be", {}),
    ("a.au", "pcm_s16be", {}), ("a.opus", "libopus", {}), ("a.ogg", "flac", {}), ("a.avi", "pcm_s16le", {}),
    ("a.avi", "libmp3lame", {}), ("a.mp4", "aac", {"movflags": "faststart"}), ("a.mkv", "aac", {}), ("a.flac", "flac", {}), ("a.mp3", "libmp3lame", {}),
    ("a.aiff", "pcm_s16be", {}),
]  # fmt: skip


def noise(seconds: float = SECONDS) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.1, round(16000 * seconds)).astype(np.float32)


@pytest.fixture(scope="module", params=KINDS, ids=[f"{name[2:]}-{codec}" for name, codec, _ in KINDS])
def media(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    name, codec, options = request.param
    container = {"opus": "ogg"}.get(name[2:])
    rate = 48000 if codec == "libopus" else 16000
    return encode(tmp_path_factory.mktemp("m") / name, codec, noise(), rate=rate, container=container, options=options)


def test_a_whole_file_is_no_alarm(media: Path, caplog: pytest.LogCaptureFixture) -> None:
    load_audio(media)
    assert not caplog.messages


@pytest.mark.parametrize("share", [0.3, 0.5, 0.7])
def test_a_cut_is_told(media: Path, share: float, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    content = media.read_bytes()
    cut = tmp_path / media.name
    cut.write_bytes(content[: int(len(content) * share)])
    assert len(load_audio(cut)) < 0.95 * 16000 * SECONDS
    (told,) = caplog.messages
    assert told.startswith(f"{cut}: ")


@pytest.mark.parametrize(("name", "codec"), [("a.flac", "flac"), ("a.aiff", "pcm_s16be"), ("a.mkv", "aac")])
def test_half_a_second_is_missed(name: str, codec: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = encode(tmp_path / name, codec, noise())
    path.write_bytes(path.read_bytes()[: -path.stat().st_size // 8])
    load_audio(path)
    (told,) = caplog.messages
    assert told.endswith("its header claims 00:00:04 (0.5 s less)")


@pytest.mark.parametrize("rate", [16000, 44100])
@pytest.mark.parametrize("damaged", [200, 3000])
def test_a_gap_in_counted_samples_is_a_loss(
    rate: int, damaged: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A frame of FLAC holds a tenth of a second at 44.1 kHz; what follows keeps its time."""
    path = encode(tmp_path / "a.flac", "flac", noise(), rate=rate)
    whole = bytearray(path.read_bytes())
    middle = len(whole) // 2
    whole[middle : middle + damaged] = bytes(damaged)
    path.write_bytes(whole)
    assert len(load_audio(path)) == 16000 * SECONDS
    (message,) = caplog.messages
    assert "s from 00:00:01 on, silence stands for it" in message or "damaged from 00:00:01 on" in message


@pytest.mark.parametrize(("name", "codec"), [("a.opus", "libopus"), ("a.ogg", "flac")])
def test_pages_that_a_decoder_drops(name: str, codec: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = encode(tmp_path / name, codec, noise(), rate=48000, container="ogg")
    whole = path.read_bytes()
    pages = whole.split(b"OggS")[1:]
    assert len(pages) >= 6
    for left, told in (
        (b"".join(b"OggS" + page for page in (*pages[:-2], pages[-1])), f"1 of {len(pages)} pages"),
        (whole[: len(whole) // 2] + b"!" + whole[len(whole) // 2 + 1 :], f"1 of {len(pages)} pages"),
        (whole[:-5] + b"!!!!!", "it has no last page, as if cut off"),
    ):
        path.write_bytes(left)
        assert missing_end(path).startswith(told)
        caplog.clear()
        load_audio(path)
        assert len(caplog.messages) == 1
    path.write_bytes(whole + b"\0" * 70000 + b"tags of another program")
    assert missing_end(path) == ""


def test_an_open_file_is_looked_at_too(caplog: pytest.LogCaptureFixture) -> None:
    content = wav(2)
    load_audio(io.BytesIO(content))
    assert not caplog.messages
    load_audio(io.BytesIO(content[:-2000]))
    assert caplog.messages == [
        f"the open file: cut off: its header announces {len(content)} bytes, {len(content) - 2000} are there"
    ]


def test_an_open_file_begins_where_it_stands(media: Path, caplog: pytest.LogCaptureFixture) -> None:
    """And is back there afterwards, so that it can be read again."""
    file = io.BytesIO(b"\0" * 70_001 + media.read_bytes())
    file.seek(70_001)
    for _ in range(2):
        assert np.array_equal(load_audio(file), load_audio(media))
        assert file.tell() == 70_001
    assert not caplog.messages
    file.truncate(70_001 + media.stat().st_size // 2)
    load_audio(file)
    assert len(caplog.messages) == 1


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF000, 0xFFFFFFFF - 36])
def test_a_size_that_the_writer_did_not_know(size: int) -> None:
    content = bytearray(wav(1))
    content[40:44] = size.to_bytes(4, "little")
    assert missing_end(io.BytesIO(content)) == ""


def test_broadcast_wave_of_any_length() -> None:
    plain = wav(1)
    head = (
        b"RF64"
        + b"\xff" * 4
        + b"WAVEds64"
        + (28).to_bytes(4, "little")
        + bytes(8)
        + (len(plain) - 44).to_bytes(8, "little")
        + bytes(12)
    )
    content = head + plain[12:40] + b"\xff" * 4 + plain[44:]
    assert missing_end(io.BytesIO(content)) == ""
    assert "cut off" in missing_end(io.BytesIO(content[:-1]))


@pytest.mark.parametrize("content", [b"", b"RIFF", b"RIFF\0\0\0\0WAVE", b"OggS", b"caff\0\1\0\0data", b"nothing of it"])
def test_headers_that_end_too_soon(content: bytes) -> None:
    assert missing_end(io.BytesIO(content)) in ("", "it has no last page, as if cut off")


def test_nothing_is_logged_below_warnings(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="ovw")
    (tmp_path / "a.wav").write_bytes(wav(1))
    load_audio(tmp_path / "a.wav")
    assert not caplog.messages
