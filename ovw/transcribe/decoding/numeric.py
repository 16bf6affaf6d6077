"""Log-domain helpers on rows of logits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def logsumexp(values: NDArray[np.float32]) -> np.float32:
    """log(sum(exp(values))) of one row; -inf when every value is."""
    top = values.max()
    if np.isneginf(top):
        return np.float32(-np.inf)
    return np.float32(top + np.log(np.exp(values - top).sum()))


def log_softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Log probabilities over the last axis, [rows, n_vocab]."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    result: NDArray[np.float32] = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return result


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probabilities over the last axis."""
    return np.exp(log_softmax(logits))
