"""Log-domain helpers on rows of logits."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

RowLogSumExp = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Log-sum-exp of each row: [rows, n] -> [rows]."""
LOWEST = np.finfo(np.float32).min
COLUMN = 64
"""Values that one maximum stands for."""


def logsumexp(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """log(sum(exp(values))) over the last axis; -inf where every value is."""
    top = np.maximum(values.max(axis=-1, keepdims=True), LOWEST)
    shifted = values - top
    np.exp(shifted, out=shifted)
    with np.errstate(divide="ignore"):
        result: NDArray[np.float32] = np.log(shifted.sum(axis=-1)) + top[..., 0]
    return result


def log_softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Log probabilities over the last axis."""
    return logits - logsumexp(logits)[..., None]


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probabilities over the last axis."""
    return np.exp(log_softmax(logits))


def largest(row: NDArray[np.float32], count: int) -> NDArray[np.intp]:
    """Where the largest values of a row are, largest first.

    A value among the `count` largest lies in one of the `count` columns with the largest maxima: only those are sorted.
    """
    columns = len(row) // COLUMN
    table = row[: columns * COLUMN].reshape(COLUMN, columns)
    maxima = table.max(axis=0)
    best = np.argpartition(maxima, -count)[-count:] if count < columns else np.arange(columns)
    inside = (np.arange(COLUMN)[:, None] * columns + best).ravel()
    places = np.concatenate([inside, np.arange(columns * COLUMN, len(row))])
    values = row[places]
    chosen = np.argpartition(values, -count)[-count:]
    return places[chosen[np.argsort(-values[chosen], kind="stable")]]
