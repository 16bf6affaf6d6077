"""Percentiles, and how sure a figure is that several rounds agree on.

The unit of an interval is the round, a process of its own: iterations within one share its memory layout, its clock
speed and its neighbours, so any number of them would make an interval too narrow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, inf, log, sqrt
from statistics import fmean, median, variance

import numpy as np

LEVELS = (50, 90, 95, 99)
CONFIDENCE = 0.95
RESOLUTION = 0.01
"""By this share two runs of the same thing may always differ: rounds do not see what changes only between runs."""
CORRELATION = 0.25
"""Of the rounds of one run, which share the hour: over twenty runs of `quick` on a virtual machine, the figure of a run
varied twice as much (in variance) as independent rounds would have it."""
MOST_ROUNDS = 100
WIDEST = 1000.0
"""Times a ratio; an interval that reaches further either way is unknown."""


@dataclass(frozen=True)
class Ratio:
    """The ratio of a second measurement to a first.

    Attributes:
        value: second over first.
        low, high: interval; `None` for a single round, from 0 to infinity where it is unknown.
    """

    value: float
    low: float | None = None
    high: float | None = None

    @property
    def differs(self) -> bool:
        """Whether the interval excludes 1."""
        return self.low is not None and self.high is not None and not self.low <= 1 <= self.high


def percentiles(samples: Sequence[float]) -> dict[str, float]:
    """`p50`, `p90`, `p95`, `p99`."""
    values = np.percentile(np.asarray(samples, np.float64), LEVELS)
    return {f"p{level}": round(float(value), 6) for level, value in zip(LEVELS, values, strict=True)}


def round_medians(samples: Sequence[float], rounds: Sequence[int]) -> list[float]:
    """The median of each round.

    Args:
        samples: of all rounds, in order.
        rounds: how many each took.
    """
    found, at = [], 0
    for size in rounds:
        found.append(float(median(samples[at : at + size])))
        at += size
    return found


def mean_interval(medians: Sequence[float]) -> tuple[float, float] | None:
    """95 % interval of the figure that three rounds or more scatter around: Student's t on logarithms."""
    if len(medians) < 3 or min(medians) <= 0:
        return None
    logs = [log(value) for value in medians]
    half = student_t(len(logs) - 1, CONFIDENCE) * sqrt(_of_the_mean(variance(logs), len(logs)))
    centre = fmean(logs)
    return round(exp(centre - half), 6), round(exp(centre + half), 6)


def ratio(first: Sequence[float], second: Sequence[float], confidence: float = CONFIDENCE) -> Ratio:
    """Compare two measurements by the medians of their rounds: Welch's t interval on logarithms.

    Args:
        first: a positive median a round.
        second: the same.
        confidence: of the interval, which is never narrower than the resolution of `RESOLUTION`, and unknown where it
            is wider than `WIDEST`.
    """
    logs = [[log(value) for value in side] for side in (first, second)]
    value = fmean(logs[1]) - fmean(logs[0])
    if min(map(len, logs)) < 2:
        return Ratio(exp(value))
    half = _half_width([variance(side) for side in logs], [len(side) for side in logs], confidence)
    if half > log(WIDEST):
        return Ratio(exp(value), 0.0, inf)
    return Ratio(exp(value), exp(value - half), exp(value + half))


def rounds_to_decide(
    first: Sequence[float], second: Sequence[float], margin: float, confidence: float = CONFIDENCE
) -> int | None:
    """Rounds of each side after which the interval of their `ratio` would exclude 1 or lie within a margin.

    Args:
        first: a positive median a round, two rounds or more.
        second: the same.
        margin: such as 0.05.
        confidence: of the interval.

    Returns:
        `None` if `MOST_ROUNDS` would not do, as rounds of one run are not independent.
    """
    logs = [[log(value) for value in side] for side in (first, second)]
    distance = abs(fmean(logs[1]) - fmean(logs[0]))
    needed = max(distance, log(1 + margin) - distance)
    variances = [variance(side) for side in logs]
    enough = (n for n in range(2, MOST_ROUNDS + 1) if _half_width(variances, [n, n], confidence) <= needed)
    return next(enough, None)


def _half_width(variances: Sequence[float], rounds: Sequence[int], confidence: float) -> float:
    """Of the interval of a difference of means, at least the resolution."""
    parts = [_of_the_mean(one, n) for one, n in zip(variances, rounds, strict=True)]
    half = log(1 + RESOLUTION)
    if error := sqrt(sum(parts)):
        shares = (part**2 / (n - 1) for part, n in zip(parts, rounds, strict=True))
        half = max(half, student_t(error**4 / sum(shares), confidence) * error)
    return half


def _of_the_mean(value: float, n: int) -> float:
    """The variance of the mean of n values that are correlated with each other (Kish's design effect)."""
    return value / n * (1 + (n - 1) * CORRELATION)


def student_t(freedom: float, confidence: float) -> float:
    """The two-sided quantile of Student's t, for 1 degree of freedom or more."""
    from scipy.special import stdtrit

    return float(stdtrit(max(freedom, 1.0), (1 + confidence) / 2))
