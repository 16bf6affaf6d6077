"""Which recordings are read together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ovw.audio import SAMPLE_RATE
from ovw.audio.decode import media_duration
from ovw.audio.pipes import is_pipe
from ovw.audio.samples import Media

GROUP = 2
"""Batches whose recordings are read at a time."""
WINDOW_S = 30.0


def seconds_of(media: Media) -> float:
    """About how long a recording is; 0 where that is not known before it is read. Raises as `transcribe`."""
    if isinstance(media, str | Path):
        return 0.0 if is_pipe(Path(media)) else media_duration(Path(media)) or 0.0
    return np.asarray(media).size / SAMPLE_RATE if hasattr(media, "__array__") else 0.0


def groups_of(seconds: Sequence[float], batch_size: int) -> Iterator[list[int]]:
    """Recordings to read at a time, by number, the longest first: a few batches of windows, whatever their length."""
    group: list[int] = []
    windows = 0.0
    for i in sorted(range(len(seconds)), key=lambda i: -seconds[i]):
        size = max(1.0, seconds[i] / WINDOW_S)
        if group and windows + size > GROUP * batch_size:
            yield group
            group, windows = [], 0.0
        group.append(i)
        windows += size
    if group:
        yield group
