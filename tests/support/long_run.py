"""Hours of looped speech through one model, as one recording that arrives in blocks: what grows meanwhile.

    PYTHONPATH=tests python -m support.long_run --hours 24 [--model base-int8] [--speech FILE ...]

Of each quarter of an hour of speech: resident memory, open files, threads, size of the compiled graphs. After the first
hours these may not grow, times have to rise, and the text of every loop has about as many words.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
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
BLOCK_S = 1
EVERY_S = 900
"""Seconds of speech between two looks."""
MOST_MB_PER_HOUR = 1.0


@dataclass(frozen=True)
class Look:
    """The process at a place of the recording.

    Attributes:
        hours: of speech so far.
        seconds: of work so far.
        rss_mb: resident memory.
        files: open ones.
        threads: of the process.
        compiled_mb: graphs on disk.
        words: transcribed so far.
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
    """What was seen."""

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
        """What grew or went wrong."""
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
        counts = np.diff([look.words for look in settled])
        if counts.min() < 0.8 * np.median(counts):
            found.append(f"words in {EVERY_S} s of speech fall from {np.median(counts):.0f} to {counts.min()}")
        return found


def looped(samples: NDArray[np.float32], hours: float) -> Iterator[NDArray[np.float32]]:
    """Blocks of samples over and over, for so many hours."""
    size, left = BLOCK_S * SAMPLE_RATE, round(hours * 3600 * SAMPLE_RATE)
    while left > 0:
        for at in range(0, min(len(samples), left), size):
            yield samples[at : at + min(size, left - at)]
        left -= len(samples)


def run(whisper: Whisper, samples: NDArray[np.float32], hours: float, **options: object) -> LongRun:
    """Transcribe looped speech, and look at the process."""
    seen, process, started = LongRun(), psutil.Process(), time.perf_counter()
    words, last, due = 0, 0.0, float(EVERY_S)
    for segment in whisper.transcribe(looped(samples, hours), language="en", batch_size=8, **options):
        seen.steps_back += segment.start < last
        last, words = segment.start, words + len(segment.text.split())
        if segment.end >= due:
            due += EVERY_S
            kept = sum(file.stat().st_size for file in compiled_dir().glob("*"))
            look = Look(
                round(segment.end / 3600, 2), round(time.perf_counter() - started), process.memory_info().rss / 1e6,
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
