"""Which windows are decoded, and which recordings are read, together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ovw.audio import SAMPLE_RATE
from ovw.audio.decode import media_duration
from ovw.audio.pipes import is_pipe
from ovw.audio.samples import Media
from ovw.memory import free_memory
from ovw.models import Dims
from ovw.transcribe.options import TranscribeOptions

GROUP = 2
"""Batches whose recordings are read at a time."""
WINDOW_S = 30.0
TOGETHER = 8
"""Windows decoded together by default: twice as many are hardly faster, and take twice the memory."""
SHARE = 0.25
"""Of the free memory that they may take."""


def batch_size_for(options: TranscribeOptions, dims: Dims, most_rows: int, *, live: bool) -> int:
    """The windows to decode together: as many as are asked for, else as many as suit.

    Args:
        options: what was asked for.
        dims: of the model.
        most_rows: that its decoder takes; -1 without a bound.
        live: the sound may only be arriving.
    """
    if options.batch_size:
        return options.batch_size
    if live or options.needs_turns:
        return 1
    rows = max(options.beam_size, options.best_of if len(options.temperature) > 1 else 1)
    caches = 2 * dims.n_text_layer * dims.n_text_state * (dims.n_audio_ctx + 4 * rows * dims.n_text_ctx)
    free = free_memory()
    fitting = int(free.bytes * SHARE / caches) if free else TOGETHER
    return max(1, min(TOGETHER, fitting, most_rows // rows if most_rows >= 0 else TOGETHER))


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
