"""Media as the world has it: every container and codec the build can write, then cut, flipped and mislabelled."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.resampler import AudioResampler

from ovw.audio.decode import load_audio
from ovw.errors import OvwError
from support.tiny_whisper import SELFTEST_CLIP

RATE = 16_000


def speech(copies: int = 1) -> np.ndarray:
    """The bundled sentence, as often as wanted, [n]."""
    return np.tile(load_audio(SELFTEST_CLIP), copies)


def encode(
    path: Path,
    codec: str,
    samples: np.ndarray,
    *,
    rate: int = RATE,
    layout: str = "mono",
    container: str | None = None,
    video: str | None = None,
    delay: float = 0.0,
    start: float = 0.0,
    skip: tuple[float, float] | None = None,
    uneven: bool = False,
    cover: bool = False,
    options: dict[str, str] | None = None,
) -> Path:
    """Write speech with any codec into any container.

    Args:
        path: to write.
        codec: FFmpeg's encoder.
        samples: [n], 16 kHz.
        rate: of the stream.
        layout: of the stream; every channel holds the speech.
        container: FFmpeg's muxer; by default after the path's ending.
        video: encoder of a picture beside the sound.
        delay: seconds by which the sound starts after the picture.
        start: clock reading at which all starts.
        skip: seconds from and to which no packet is written, though the clock runs on.
        uneven: whether the time between pictures varies.
        cover: whether a cover picture is attached.
        options: of the container.
    """
    with av.open(str(path), "w", format=container, options=options or {}) as out:
        pictures = out.add_stream(video, rate=10) if video else None
        if pictures is not None:
            pictures.width, pictures.height, pictures.pix_fmt = 64, 48, "yuv420p"
            pictures.time_base = Fraction(1, 1000)
            pictures.codec_context.time_base = Fraction(1, 1000)
        sound = out.add_stream(codec, rate=rate, layout=layout, options={"strict": "experimental"})
        if codec.startswith("wma"):
            sound.bit_rate = 64_000
        art = _add_cover(out) if cover else None
        packets = []
        if pictures is not None:
            times = np.arange(0, delay + len(samples) / RATE, 0.1)
            if uneven:
                times = times + np.random.default_rng(0).uniform(0, 0.09, len(times))
            packets += _pictures(pictures, times + start)
        packets += _sound(sound, samples, start + delay)
        if art is not None:
            out.start_encoding()
            out.mux(art)
        for packet in sorted(packets, key=lambda p: p.dts * p.time_base):
            if skip and packet.stream is sound and skip[0] <= packet.pts * packet.time_base - start < skip[1]:
                continue
            out.mux(packet)
    return path


def _pictures(stream, times: np.ndarray) -> list:
    packets = []
    for number, time in enumerate(times):
        image = av.VideoFrame.from_ndarray(np.full((48, 64, 3), number * 3 % 255, np.uint8), format="rgb24")
        image = image.reformat(format="yuv420p")
        image.pts, image.time_base = round(time * 1000), Fraction(1, 1000)
        packets += stream.encode(image)
    return packets + stream.encode(None)


def _sound(stream, samples: np.ndarray, start: float) -> list:
    context = stream.codec_context
    whole = av.AudioFrame.from_ndarray((samples * 32767).astype(np.int16)[None], format="s16", layout="mono")
    whole.sample_rate, whole.time_base, whole.pts = RATE, Fraction(1, RATE), 0
    resampler = AudioResampler(
        context.format, context.layout, context.sample_rate, frame_size=context.frame_size or 1024
    )
    packets = []
    position = round(start * context.sample_rate)
    for frame in [*resampler.resample(whole), *resampler.resample(None)]:
        if frame is None:
            continue
        frame.pts, frame.time_base = position, Fraction(1, context.sample_rate)
        position += frame.samples
        packets += stream.encode(frame)
    return packets + stream.encode(None)


def _add_cover(out):
    picture = out.add_stream("png")
    picture.width, picture.height, picture.pix_fmt = 32, 32, "rgb24"
    picture.disposition = av.stream.Disposition.attached_pic
    image = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 90, np.uint8), format="rgb24")
    (packet, *_) = [*picture.encode(image), *picture.encode(None)]
    return packet


def half_of_an_mp4(path: Path) -> None:
    """A download that was cut off: the header claims 7 seconds."""
    whole = encode(path, "aac", speech(2), rate=48000, options={"movflags": "faststart"}).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def loudness(samples: np.ndarray) -> np.ndarray:
    """Of each 20 ms, smoothed over 100 ms."""
    span = RATE // 50
    power = (samples[: len(samples) // span * span].reshape(-1, span) ** 2).mean(axis=1)
    return np.sqrt(np.convolve(power, np.full(5, 0.2), "same"))


def likeness(found: np.ndarray, expected: np.ndarray, lag: float = 0.1) -> float:
    """Correlation of the loudness over what both hold, at the best lag of at most so many seconds."""
    a, b = loudness(found), loudness(expected)
    most = round(lag * 50)
    return max(_correlation(a[max(0, k) :], b[max(0, -k) :]) for k in range(-most, most + 1))


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    count = min(len(a), len(b))
    a, b = a[:count], b[:count]
    return float(np.corrcoef(a, b)[0, 1]) if count > 1 and a.std() and b.std() else 0.0


def decoded(path: Path) -> np.ndarray | None:
    """The samples, or `None` for a clear error."""
    try:
        return load_audio(path)
    except OvwError as error:
        told = error
    assert str(path) in told.message
    assert "\n" not in told.message
    assert told.hint
    return None


def no_hang() -> Iterator[None]:
    """A fixture: what takes two minutes hangs."""

    def ring(*_: object) -> None:
        raise TimeoutError("the decoder hangs")

    previous = signal.signal(signal.SIGALRM, ring)
    signal.alarm(120)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, previous)
