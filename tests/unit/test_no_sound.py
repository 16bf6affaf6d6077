"""Files without sound, whatever their names say: one clear error each."""

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from support.odd_media import decoded, encode, no_hang, speech

_no_hang = pytest.fixture(autouse=True)(no_hang)


def header_only(folder: Path) -> Path:
    path = encode(folder / "a.wav", "pcm_s16le", speech())
    content = path.read_bytes()
    path.write_bytes(content[: content.index(b"data") + 8])
    return path


def raw_video(folder: Path) -> Path:
    with av.open(str(folder / "a.h264"), "w") as out:
        stream = out.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(5):
            image = av.VideoFrame(64, 48, "yuv420p")
            image.pts = number
            out.mux(stream.encode(image))
        out.mux(stream.encode(None))
    return folder / "a.h264"


def empty_track(folder: Path) -> Path:
    return encode(folder / "a.mkv", "libopus", speech(), rate=48000, video="libx264", skip=(-1.0, 100.0))


def written(name: str, content: bytes) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        (folder / name).write_bytes(content)
        return folder / name

    return write


TEXT = b"1\n00:00:00,000 --> 00:00:01,000\nThis is text and no sound.\n\n" * 50
NOISE = np.random.default_rng(0).bytes(100_000)
PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nhttp://127.0.0.1:9/x.ts\n#EXT-X-ENDLIST\n"


@pytest.mark.parametrize(
    "make",
    [
        *(
            pytest.param(written(f"text.{end}", TEXT), id=f"text-{end}")
            for end in ("mp4", "mp3", "wav", "ogg", "aac", "txt", "srt")
        ),
        *(pytest.param(written(f"prose.{end}", b"no media"), id=f"prose-{end}") for end in ("mp4", "mp3", "wav")),
        *(pytest.param(written(f"noise.{end}", NOISE), id=f"noise-{end}") for end in ("mp4", "mp3", "ogg")),
        *(pytest.param(written(f"zeros.{end}", bytes(100_000)), id=f"zeros-{end}") for end in ("mp3", "aac", "mkv")),
        pytest.param(written("a.m3u8", PLAYLIST), id="playlist-of-addresses"),
        pytest.param(
            written("a.ffconcat", b"ffconcat version 1.0\nfile http://127.0.0.1:9/x\n"), id="list-of-addresses"
        ),
        pytest.param(header_only, id="header-only"),
        pytest.param(raw_video, id="raw-video"),
        pytest.param(empty_track, id="empty-track"),
    ],
)
def test_what_holds_no_sound_is_one_clear_error(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    assert decoded(make(tmp_path)) is None
