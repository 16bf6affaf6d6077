"""What the fast encoder leaves of windows for the fast decoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from ovw.runtime.device import DeviceOptions, core

ABSENT = -65504.0
"""Added to the score of a position that is not there: the lowest f16, so that it survives any precision."""
POSITION_AXES = (3, 2)
"""Where keys and values have their positions; they take turns."""
Cache = NDArray[Any]
"""Values in the arithmetic of the graphs; NumPy has no bf16 and holds it as `uint16`."""


class Batch:
    """Cross-attention keys and values of windows that were heard in one context.

    Args:
        caches: for each layer keys [A, heads, head_dim, S] and values [A, heads, S, head_dim].
        bias: what attention adds to the score of each position, [A, S].
        whole: whether every position was heard by itself.
    """

    def __init__(self, caches: Sequence[Cache], bias: NDArray[np.float32], *, whole: bool) -> None:
        self.caches = caches
        self.bias = bias
        self.whole = whole
        self._order = list(range(len(bias)))  # which window each row holds

    def row_of(self, number: int) -> int:
        """Where a window is now."""
        return self._order.index(number)

    def bring_to_front(self, numbers: Sequence[int]) -> None:
        """Have the first rows hold these windows: one piece of memory, without another copy of it."""
        for to, number in enumerate(numbers):
            at = self.row_of(number)
            if at != to:
                for array in (*self.caches, self.bias):
                    array[[to, at]] = array[[at, to]]
                self._order[to], self._order[at] = self._order[at], self._order[to]


@dataclass(frozen=True)
class Window:
    """One window of a batch, by its number."""

    batch: Batch
    number: int

    @property
    def whole(self) -> bool:
        """Whether every position of it was heard by itself."""
        return self.batch.whole

    @property
    def bias(self) -> NDArray[np.float32]:
        """What attention adds to the score of each position: the logarithm of how many it stands for, [S]."""
        row: NDArray[np.float32] = self.batch.bias[self.batch.row_of(self.number)]
        return row

    def cache(self, which: int) -> Cache:
        """One of the caches, [heads, ...]."""
        row: Cache = self.batch.caches[which][self.batch.row_of(self.number)]
        return row


def cache_type(options: DeviceOptions) -> ov.Type:
    """What keys and values are kept in: bf16 where the device computes in it, else f32."""
    computes = "BF16" in core().get_property(options.device, "OPTIMIZATION_CAPABILITIES")
    return ov.Type.bf16 if computes and options.precision in (None, "bf16") else ov.Type.f32


def dtype_of(kind: ov.Type) -> np.dtype[Any]:
    """How NumPy holds values of an arithmetic."""
    return np.dtype(np.uint16) if kind == ov.Type.bf16 else np.dtype(kind.to_dtype())


def as_tensor(array: Cache) -> ov.Tensor:
    """An array as a tensor that shares its memory."""
    if array.dtype == np.uint16:
        return ov.Tensor(array, ov.Shape(array.shape), ov.Type.bf16)
    return ov.Tensor(array, shared_memory=True)


def join(windows: Sequence[Window]) -> tuple[Sequence[Cache], NDArray[np.float32]]:
    """The caches of windows side by side, [A, ...], shorter ones filled up; and their bias [A, 1, 1, S].

    Windows of one batch are not copied: the caches are its first rows, until other windows of it are joined.
    """
    batch, count = windows[0].batch, len(windows)
    if all(window.batch is batch for window in windows):
        batch.bring_to_front([window.number for window in windows])
        return [cache[:count] for cache in batch.caches], batch.bias[:count, None, None]
    longest = max(len(window.bias) for window in windows)
    bias = np.full((count, 1, 1, longest), ABSENT, np.float32)
    for row, window in enumerate(windows):
        bias[row, 0, 0, : len(window.bias)] = window.bias
    return [_stack(windows, i, longest) for i in range(len(batch.caches))], bias


def _stack(windows: Sequence[Window], which: int, longest: int) -> Cache:
    """One of the caches of windows of several batches."""
    parts = [window.cache(which) for window in windows]
    shape = [len(parts), *parts[0].shape]
    shape[POSITION_AXES[which % 2]] = longest
    joined = np.zeros(shape, parts[0].dtype)
    for row, part in enumerate(parts):
        joined[row, :, : part.shape[1], : part.shape[2]] = part
    return joined
