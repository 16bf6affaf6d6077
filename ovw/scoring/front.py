"""The Pareto front of error rate and speed."""

from __future__ import annotations

from collections.abc import Sequence


def pareto_front(points: Sequence[tuple[float, float]]) -> list[bool]:
    """Which points no other beats: none has at most their error rate and at least their speed, and is not equal.

    Args:
        points: error rate and speed.
    """
    return [
        not any(rate <= mine and speed >= pace and (rate, speed) != (mine, pace) for rate, speed in points)
        for mine, pace in points
    ]
