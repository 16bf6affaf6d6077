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


@dataclass(frozen=True)
class Batch:
    """Cross-attention keys and values of windows that were heard in one context.

    Attributes:
        caches: for each layer keys [A, heads, head_dim, S] and values [A, heads, S, head_dim].
        bias: what attention adds to the score of each position, [A, S].
        whole: whether every position was heard by itself.
    """

    caches: Sequence[Cache]
    bias: NDArray[np.float32]
    whole: bool


@dataclass(frozen=True)
class Window:
    """One window of a batch."""

    batch: Batch
    row: int

    @property
    def whole(self) -> bool:
        """Whether every position of it was heard by itself."""
        return self.batch.whole

    @property
    def bias(self) -> NDArray[np.float32]:
        """What attention adds to the score of each position: the logarithm of how many it stands for, [S]."""
        row: NDArray[np.float32] = self.batch.bias[self.row]
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

    Windows that are a whole batch are not copied.
    """
    longest = max(len(window.bias) for window in windows)
    bias = np.full((len(windows), 1, 1, longest), ABSENT, np.float32)
    for row, window in enumerate(windows):
        bias[row, 0, 0, : len(window.bias)] = window.bias
    batch = windows[0].batch
    rows = [window.row for window in windows if window.batch is batch]
    if len(rows) < len(windows):
        return [_stack(windows, i, longest) for i in range(len(batch.caches))], bias
    if rows == list(range(len(batch.caches[0]))):
        return batch.caches, bias
    return [cache[rows] for cache in batch.caches], bias


def _stack(windows: Sequence[Window], which: int, longest: int) -> Cache:
    """One of the caches of windows of several batches."""
    parts = [window.batch.caches[which][window.row] for window in windows]
    shape = [len(parts), *parts[0].shape]
    shape[POSITION_AXES[which % 2]] = longest
    joined = np.zeros(shape, parts[0].dtype)
    for row, part in enumerate(parts):
        joined[row, :, : part.shape[1], : part.shape[2]] = part
    return joined
