"""Dynamic time warping in NumPy, a diagonal at a time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

DIAGONAL, UP, LEFT = 0, 1, 2


def warp(cost: NDArray[np.floating]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The cheapest monotonic path through a cost matrix (Sakoe & Chiba, 1978).

    Args:
        cost: [n, m].

    Returns:
        The path's row and column indices, from (0, 0) to (n - 1, m - 1).
    """
    return _walk_back(_trace(cost))


def _trace(cost: NDArray[np.floating]) -> NDArray[np.int8]:
    """Where the cheapest path into each cell comes from, [n + 1, m + 1]; a diagonal step must be strictly cheapest."""
    n, m = cost.shape
    trace = np.full((n + 1, m + 1), LEFT, np.int8)
    trace[0, :] = LEFT
    trace[:, 0] = UP
    # totals of the last two anti-diagonals, by row; cell (i, j) of the padded matrix lies on diagonal i + j
    before = np.full(n + 1, np.inf, np.float32)
    before[0] = 0
    last = np.full(n + 1, np.inf, np.float32)
    for diagonal in range(2, n + m + 1):
        rows = np.arange(max(1, diagonal - m), min(n, diagonal - 1) + 1)
        columns = diagonal - rows
        came = np.stack([before[rows - 1], last[rows - 1], last[rows]])
        step = np.full(len(rows), LEFT, np.int8)
        step[(came[UP] < came[DIAGONAL]) & (came[UP] < came[LEFT])] = UP
        step[(came[DIAGONAL] < came[UP]) & (came[DIAGONAL] < came[LEFT])] = DIAGONAL
        trace[rows, columns] = step
        totals = np.full(n + 1, np.inf, np.float32)
        totals[rows] = cost[rows - 1, columns - 1] + came[step, np.arange(len(rows))]
        before, last = last, totals
    return trace


def _walk_back(trace: NDArray[np.int8]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    i, j = trace.shape[0] - 1, trace.shape[1] - 1
    path = []
    while i > 0 or j > 0:
        path.append((i - 1, j - 1))
        step = trace[i, j]
        i -= int(step != LEFT)
        j -= int(step != UP)
    rows, columns = np.array(path[::-1], np.intp).reshape(-1, 2).T
    return rows, columns
