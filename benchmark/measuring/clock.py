"""Time something often enough."""

from __future__ import annotations

import time
from collections.abc import Callable

from ovw.benchmark.case import Timing

Run = Callable[[], list[float]]
"""Does one iteration or several and gives the seconds of each."""


def timed(call: Callable[[], object]) -> Run:
    """A call as an iteration."""

    def run() -> list[float]:
        started = time.perf_counter()
        call()
        return [time.perf_counter() - started]

    return run


def collect(run: Run, timing: Timing, limit: float) -> tuple[list[float], int]:
    """Iterate until there were enough iterations and seconds, or until the limit.

    Args:
        run: the iterations.
        timing: how many, for how long.
        limit: seconds after which it ends in any case, with one sample at least.

    Returns:
        Milliseconds of the iterations after the warm-up, and the number of those within it.
    """
    begun = time.perf_counter()
    warmed = 0
    while warmed < timing.warmup and time.perf_counter() - begun < limit / 3:
        warmed += len(run())
    started = time.perf_counter()
    samples: list[float] = []
    while not samples or not _enough(len(samples), time.perf_counter() - started, timing):
        if samples and time.perf_counter() - begun >= limit:
            break
        samples += run()
    return [1000 * seconds for seconds in samples], warmed


def _enough(count: int, seconds: float, timing: Timing) -> bool:
    return count >= timing.iterations and seconds >= timing.seconds
