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


def largest(rows: NDArray[np.float32], count: int) -> NDArray[np.intp]:
    """Where the largest values of each row are, largest first: [rows, n] -> [rows, count].

    A value among the `count` largest lies in one of the `count` columns with the largest maxima: only those are sorted.
    """
    if count < 2:
        top: NDArray[np.intp] = rows.argmax(axis=1, keepdims=True)
        return top[:, :count]
    columns = rows.shape[1] // COLUMN
    table = rows[:, : columns * COLUMN].reshape(len(rows), COLUMN, columns)
    best = _top(table.max(axis=1), min(count, columns))
    inside = (np.arange(COLUMN)[:, None] * columns + best[:, None]).reshape(len(rows), -1)
    rest = np.arange(columns * COLUMN, rows.shape[1])
    places = np.concatenate([inside, np.broadcast_to(rest, (len(rows), len(rest)))], axis=1)
    values = np.take_along_axis(rows, places, axis=1)
    chosen = _top(values, count)
    order = np.argsort(-np.take_along_axis(values, chosen, axis=1), axis=1, kind="stable")
    return np.take_along_axis(places, np.take_along_axis(chosen, order, axis=1), axis=1)


def _top(rows: NDArray[np.float32], count: int) -> NDArray[np.intp]:
    """Where the largest values of each row are, in no order."""
    return np.argpartition(rows, -count, axis=1)[:, -count:]
