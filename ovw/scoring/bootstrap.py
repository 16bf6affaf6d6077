"""Confidence intervals of a rate: the bootstrap over utterances (Bisani and Ney, 2004), vectorised and seeded."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

DRAWS = 2000
AT_ONCE = 4_000_000
"""Indices held in memory."""

Interval = tuple[float, float]


def resampled_rates(
    errors: NDArray[np.int64], lengths: NDArray[np.int64], *, draws: int = DRAWS, seed: int = 0
) -> NDArray[np.float64]:
    """Error rates of sets drawn with replacement.

    Args:
        errors: [n], or [k, n] of k systems on the same utterances: they are drawn together.
        lengths: [n], words of the references.
        draws: sets to draw, each of n utterances.
        seed: of the draw.

    Returns:
        Rates in percent, [draws] or [k, draws].
    """
    rng = np.random.default_rng(seed)
    n, systems = len(lengths), np.atleast_2d(errors)
    rates = np.empty((len(systems), draws))
    step = max(1, AT_ONCE // max(1, n))
    for start in range(0, draws, step):
        drawn = rng.integers(0, n, (min(step, draws - start), n))
        words = np.maximum(1, lengths[drawn].sum(axis=1))
        for row, system in enumerate(systems):
            rates[row, start : start + len(drawn)] = 100 * system[drawn].sum(axis=1) / words
    return rates[0] if np.ndim(errors) == 1 else rates


def interval(values: NDArray[np.float64]) -> Interval:
    """The middle 95 % of resampled values."""
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def rate_interval(
    errors: NDArray[np.int64], lengths: NDArray[np.int64], *, draws: int = DRAWS, seed: int = 0
) -> Interval | None:
    """95 % confidence interval of a rate in percent; `None` for fewer than two utterances."""
    return interval(resampled_rates(errors, lengths, draws=draws, seed=seed)) if len(lengths) > 1 else None


def by_cluster(clusters: Sequence[str | None], *columns: NDArray[np.int64]) -> tuple[NDArray[np.int64], ...]:
    """Sums over the utterances of a speaker, so that speakers are drawn instead of utterances.

    Utterances of one speaker are alike; where few speakers have most, an interval over utterances is too narrow.

    Args:
        clusters: [n], a speaker each; utterances without one stand for themselves.
        *columns: [n] each.

    Returns:
        The columns, [number of speakers] each.
    """
    labels = [f"{i}" if name is None else f"speaker {name}" for i, name in enumerate(clusters)]
    _, places = np.unique(labels, return_inverse=True)
    return tuple(np.bincount(places, weights=column).astype(np.int64) for column in columns)
