"""Hours of looped speech through one model, as recordings of a quarter of an hour: what grows meanwhile.

    PYTHONPATH=tests python -m support.long_run --hours 24 [--model base-int8] [--speech FILE ...]

After each recording: resident memory, open files, threads, size of the compiled graphs. After the first hours these may
not grow, times have to rise, and the text of every recording has about as many words.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil
from numpy.typing import NDArray

from ovw import Whisper
from ovw.audio import SAMPLE_RATE
from ovw.audio.decode import load_audio
from ovw.home import compiled_dir

DEMO = Path(__file__).resolve().parents[2] / "demo" / "ovw-demo.mp4"
RECORDING_S = 900
"""Seconds of a recording."""
MOST_MB_PER_HOUR = 1.0


@dataclass(frozen=True)
class Look:
    """The process after a recording.

    Attributes:
        hours: of speech so far.
        seconds: of work so far.
        rss_mb: resident memory.
        files: open ones.
        threads: of the process.
        compiled_mb: graphs on disk.
        words: in the recording.
    """

    hours: float
    seconds: float
    rss_mb: float
    files: int
    threads: int
    compiled_mb: float
    words: int


@dataclass
class LongRun:
    """The looks, and the segments that began before the one before them."""

    looks: list[Look] = field(default_factory=list)
    steps_back: int = 0

    def settled(self, warm_up: float) -> list[Look]:
        """The looks after so many hours of speech."""
        return [look for look in self.looks if look.hours >= warm_up]

    def slope(self, warm_up: float) -> tuple[float, float]:
        """Growth of memory in MB an hour of speech after the warm-up, by least squares, and its standard error."""
        settled = self.settled(warm_up)
        hours = np.array([look.hours for look in settled])
        rss = np.array([look.rss_mb for look in settled])
        hours -= hours.mean()
        slope = float(hours @ rss / (hours @ hours))
        left = rss - rss.mean() - slope * hours
        return slope, float(np.sqrt(left @ left / (len(rss) - 2) / (hours @ hours)))

    def faults(self, warm_up: float) -> list[str]:
        """Growth, and speech that was lost or misplaced, in a line each."""
        settled = self.settled(warm_up)
        slope, error = self.slope(warm_up)
        found = []
        if slope - 2 * error > MOST_MB_PER_HOUR:
            found.append(f"memory grows by {slope:.1f} MB an hour (standard error {error:.1f})")
        for name in ("files", "threads", "compiled_mb"):
            first, last = getattr(settled[0], name), max(getattr(look, name) for look in settled)
            if last > first:
                found.append(f"{name} grow from {first} to {last}")
        if self.steps_back:
            found.append(f"{self.steps_back} segments begin before the one before them")
        counts = [look.words for look in settled]
        if min(counts) < 0.8 * np.median(counts):
            found.append(f"words of {RECORDING_S} s of speech fall from {np.median(counts):.0f} to {min(counts)}")
        return found


def part(samples: NDArray[np.float32], number: int) -> NDArray[np.float32]:
    """The samples of a recording: those of the loop that follow on the recordings before it."""
    size = RECORDING_S * SAMPLE_RATE
    return np.take(samples, range(number * size, (number + 1) * size), mode="wrap")


def run(whisper: Whisper, samples: NDArray[np.float32], hours: float) -> LongRun:
    """Transcribe looped speech, and look at the process."""
    seen, process, started = LongRun(), psutil.Process(), time.perf_counter()
    for number in range(round(hours * 3600 / RECORDING_S)):
        words, last = 0, 0.0
        for segment in whisper.transcribe(part(samples, number), language="en"):
            seen.steps_back += segment.start < last
            last, words = segment.start, words + len(segment.text.split())
        kept = sum(file.stat().st_size for file in compiled_dir().glob("*"))
        look = Look(
            (number + 1) * RECORDING_S / 3600, round(time.perf_counter() - started), process.memory_info().rss / 1e6,
            process.num_fds(), process.num_threads(), kept / 1e6, words,
        )  # fmt: skip
        seen.looks.append(look)
        print(look, file=sys.stderr, flush=True)
    return seen


def main(arguments: Sequence[str] | None = None) -> int:
    """0: nothing grew."""
    parser = argparse.ArgumentParser(prog="long_run")
    parser.add_argument("--hours", type=float, default=24.0, help="of speech")
    parser.add_argument("--model", default=None)
    parser.add_argument("--speech", type=Path, nargs="*", default=[DEMO])
    asked = parser.parse_args(arguments)
    samples = np.concatenate([load_audio(file) for file in asked.speech])
    seen = run(Whisper(asked.model), samples, asked.hours)
    warm_up = asked.hours / 4
    slope, error = seen.slope(warm_up)
    print(f"memory: {slope:+.2f} MB an hour of speech, standard error {error:.2f}, after {warm_up:g} hours")
    for fault in (faults := seen.faults(warm_up)):
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
