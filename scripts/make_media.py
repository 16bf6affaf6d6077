"""Make the speech and the video that ship with the project. Needs espeak-ng; writes the same files every time.

    python scripts/make_media.py

ovw/assets/selftest.flac   the clip of the parity gate and of `ovw verify`
demo/ovw-demo.mp4          the short video of `make demo`: own speech, own picture
tests/browser/german.flac  two sentences to translate
"""

from __future__ import annotations

import subprocess
import tempfile
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from ovw.audio import SAMPLE_RATE
from ovw.audio.decode import load_audio

ROOT = Path(__file__).resolve().parent.parent
VOICE = ("-v", "en-us", "-s", "150")
GERMAN_VOICE = ("-v", "de", "-s", "130")
SELFTEST = "The weather is fine today, so we will walk to the river."
DEMO = (
    "Hello and welcome. This short video was made by a computer program.",
    "The sound of the video becomes text, and the text becomes subtitles.",
    "All of the work happens on this machine, and nothing is sent over the internet.",
    "Now you can try it with a video of your own.",
)
GERMAN = "Das ist ein kleines Haus. Wir haben einen Hund und eine Katze."
PAUSE_S = 0.7
FPS = 12
WIDTH, HEIGHT = 480, 270


def speak(text: str, voice: tuple[str, ...] = VOICE) -> NDArray[np.float32]:
    """A sentence spoken by espeak-ng, [n], 16 kHz."""
    with tempfile.NamedTemporaryFile(suffix=".wav") as wav:
        subprocess.run(["espeak-ng", *voice, "-w", wav.name, text], check=True)
        return load_audio(Path(wav.name))


def write_flac(path: Path, samples: NDArray[np.float32]) -> None:
    """Mono 16 kHz FLAC."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("flac", rate=SAMPLE_RATE, layout="mono")
        _encode_audio(out, stream, samples, "s16")


def write_video(path: Path, samples: NDArray[np.float32]) -> None:
    """H.264 and AAC: a dark field, bars that follow the loudness, a line that runs with the time."""
    with av.open(str(path), "w") as out:
        picture = out.add_stream("libx264", rate=FPS, options={"crf": "30", "preset": "slow"})
        picture.width, picture.height, picture.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        sound = out.add_stream("aac", rate=SAMPLE_RATE, layout="mono")
        sound.bit_rate = 48_000
        count = int(len(samples) / SAMPLE_RATE * FPS)
        for i in range(count):
            frame = av.VideoFrame.from_ndarray(draw(samples, i, count), format="rgb24")
            frame.pts, frame.time_base = i, Fraction(1, FPS)
            out.mux(picture.encode(frame))
        out.mux(picture.encode(None))
        _encode_audio(out, sound, samples, "fltp")


def draw(samples: NDArray[np.float32], i: int, count: int) -> NDArray[np.uint8]:
    """Picture number `i` of `count`, [height, width, 3]."""
    image = np.full((HEIGHT, WIDTH, 3), (16, 20, 32), np.uint8)
    bars = 32
    span = SAMPLE_RATE // FPS
    block = np.resize(samples[i * span : (i + 1) * span], span)[: span // bars * bars].reshape(bars, -1)
    for k, level in enumerate(np.sqrt((block**2).mean(axis=1))):
        half = int(min(1.0, 4 * level) * 90) + 2
        left = 40 + k * (WIDTH - 80) // bars
        image[HEIGHT // 2 - half : HEIGHT // 2 + half, left : left + 8] = (90, 170, 255)
    image[HEIGHT - 24 : HEIGHT - 20, 40 : 40 + (WIDTH - 80) * (i + 1) // count] = (240, 200, 90)
    return image


def _encode_audio(out, stream, samples: NDArray[np.float32], sample_format: str) -> None:  # type: ignore[no-untyped-def]
    pcm = (samples * 32767).astype(np.int16) if sample_format == "s16" else samples
    frame = av.AudioFrame.from_ndarray(pcm[None], format=sample_format, layout="mono")
    frame.sample_rate, frame.pts = SAMPLE_RATE, 0
    out.mux(stream.encode(frame))
    out.mux(stream.encode(None))


def main() -> None:
    """Write all files."""
    write_flac(ROOT / "ovw" / "assets" / "selftest.flac", speak(SELFTEST))
    write_flac(ROOT / "tests" / "browser" / "german.flac", speak(GERMAN, GERMAN_VOICE))
    pause = np.zeros(int(PAUSE_S * SAMPLE_RATE), np.float32)
    speech = np.concatenate([part for sentence in DEMO for part in (speak(sentence), pause)])
    write_video(ROOT / "demo" / "ovw-demo.mp4", speech)


if __name__ == "__main__":
    main()
