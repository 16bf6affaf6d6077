"""Encoder output of windows: what the fast encoder hands to the fast decoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ovw.artifact.ir_names import MASKED_SCORE

Array = NDArray[Any]
"""Of float32 or int8."""


class EncodedBatch:
    """Cross-attention keys and values of windows, shorter ones filled up.

    Args:
        caches: for each layer keys and values, f32 or int8 [A, heads, S, head_dim].
        scales: of each of them if they are int8, f32 [A, heads, 1, head_dim].
        bias: what attention adds to the score of each position, [A, 1, 1, S]; `MASKED_SCORE` where there is none.
        full_context: for each window, whether every position was computed by itself.
    """

    def __init__(
        self, caches: Sequence[Array], scales: Sequence[Array], bias: NDArray[np.float32], full_context: Sequence[bool]
    ) -> None:
        self.caches = caches
        self.scales = scales
        self.bias = bias
        self.full_context = full_context
        self._order = list(range(len(bias)))  # which window each row holds

    def arrays_of(self, row: int, positions: int) -> list[Array]:
        """The first positions of a row, in the order of the encoder's outputs, [1, ...] each."""
        one = slice(row, row + 1)
        caches = [cache[one, :, :positions] for cache in self.caches]
        return [self.bias[one, ..., :positions], *caches, *(scale[one] for scale in self.scales)]

    def row_of(self, number: int) -> int:
        """Where a window is now."""
        return self._order.index(number)

    def bring_to_front(self, numbers: Sequence[int]) -> None:
        """Have the first rows hold these windows: one piece of memory, without another copy of it."""
        for to, number in enumerate(numbers):
            at = self.row_of(number)
            if at != to:
                for array in (*self.caches, *self.scales, self.bias):
                    array[[to, at]] = array[[at, to]]
                self._order[to], self._order[at] = self._order[at], self._order[to]


@dataclass(frozen=True)
class EncodedWindow:
    """One window of a batch, by its number."""

    batch: EncodedBatch
    number: int

    @property
    def full_context(self) -> bool:
        """Whether every position of it was computed by itself."""
        return self.batch.full_context[self.number]

    @property
    def bias(self) -> NDArray[np.float32]:
        """Added to the attention score of each position: the logarithm of how many it stands for, [S]."""
        bias: NDArray[np.float32] = self.batch.bias[self.row, 0, 0]
        return bias

    def detached(self) -> EncodedWindow:
        """A copy in memory of its own."""
        one = slice(self.row, self.row + 1)
        caches = [cache[one].copy() for cache in self.batch.caches]
        scales = [scale[one].copy() for scale in self.batch.scales]
        return EncodedWindow(EncodedBatch(caches, scales, self.batch.bias[one].copy(), [self.full_context]), 0)

    @property
    def row(self) -> int:
        """Where it is in its batch's arrays."""
        return self.batch.row_of(self.number)


def join(windows: Sequence[EncodedWindow]) -> list[Array]:
    """The arrays of windows side by side, [A, ...], shorter ones filled up: caches, scales and the bias [A, 1, 1, S].

    Different windows of one batch are not copied: the arrays are its first rows, until other windows of it are joined.
    """
    batch, count = windows[0].batch, len(windows)
    if all(window.batch is batch for window in windows) and len({window.number for window in windows}) == count:
        batch.bring_to_front([window.number for window in windows])
        return [array[:count] for array in (*batch.caches, *batch.scales, batch.bias)]
    longest = max(len(window.bias) for window in windows)
    bias = np.full((count, 1, 1, longest), MASKED_SCORE, np.float32)
    for row, window in enumerate(windows):
        bias[row, 0, 0, : len(window.bias)] = window.bias
    caches = [_filled([w.batch.caches[i][w.row] for w in windows], longest) for i in range(len(batch.caches))]
    scales = [np.stack([w.batch.scales[i][w.row] for w in windows]) for i in range(len(batch.scales))]
    return [*caches, *scales, bias]


def _filled(parts: Sequence[Array], longest: int) -> Array:
    """One cache of several windows, [heads, S, head_dim] each, with zeros up to the same S."""
    heads, _, head_dim = parts[0].shape
    joined = np.zeros((len(parts), heads, longest, head_dim), parts[0].dtype)
    for row, part in enumerate(parts):
        joined[row, :, : part.shape[1]] = part
    return joined
