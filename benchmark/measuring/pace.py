"""The pace of the machine: fixed pieces of work, timed before and after each process that measures.

A clock that was lowered, a neighbour on the same core, a memory bus that others fill: none of them is among the
processor times of other processes, and all of them make a fixed piece of work take longer.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np

SLOWED = 0.85
"""Share of the fastest pace of a record below which a measurement counts as slowed."""
REPEATS = 5
HASHED, COPIED = 2 << 20, 64 << 20
"""Bytes: those that are hashed fit a cache, those that are copied fit none."""


@dataclass(frozen=True)
class Pace:
    """Rates of one thread, the best of `REPEATS`.

    Attributes:
        arithmetic: MB/s of SHA-256.
        memory: MB/s of a copy.
    """

    arithmetic: float
    memory: float

    def slower_of(self, other: Pace) -> Pace:
        """The lower rate of each."""
        return Pace(min(self.arithmetic, other.arithmetic), min(self.memory, other.memory))

    def share_of(self, fastest: Pace) -> float:
        """Of a faster pace, by the rate that fell further."""
        return min(self.arithmetic / fastest.arithmetic, self.memory / fastest.memory)

    def describe(self) -> dict[str, float]:
        """For a record."""
        return {name: round(value) for name, value in asdict(self).items()}


def measure_pace() -> Pace:
    """The pace now; takes about 0.1 s."""
    hashed, source = bytes(HASHED), np.ones(COPIED, np.uint8)
    target = np.zeros_like(source)
    return Pace(_rate(HASHED, lambda: hashlib.sha256(hashed)), _rate(COPIED, lambda: np.copyto(target, source)))


def _rate(size: int, work: Callable[[], object]) -> float:
    """MB/s of the fastest of several times."""
    seconds = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return size / 1e6 / min(seconds)


def fastest(paces: list[Pace]) -> Pace:
    """The highest rate of each, of one pace at least."""
    return Pace(max(pace.arithmetic for pace in paces), max(pace.memory for pace in paces))
