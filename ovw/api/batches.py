"""Which windows are decoded, and which recordings are read, together."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ovw.api.transcription import Transcription
from ovw.audio import SAMPLE_RATE
from ovw.audio.choice import Stream
from ovw.audio.decode import media_duration
from ovw.audio.pipes import is_pipe
from ovw.audio.samples import Media, as_media
from ovw.errors import OvwError, UsageError, quoted, reason, unexpected
from ovw.memory import free_memory
from ovw.models import Dims
from ovw.transcribe.options import TranscribeOptions

logger = logging.getLogger(__name__)

GROUP = 2
"""Batches whose recordings are read at a time."""
WINDOW_S = 30.0
Job = tuple[Media, Stream]
"""A recording and which of its audio streams to take."""
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
    if live or options.in_turn():
        return 1
    rows = options.rows
    caches = 2 * dims.n_text_layer * dims.n_text_state * (dims.n_audio_ctx + 4 * rows * dims.n_text_ctx)
    free = free_memory()
    fitting = int(free.bytes * SHARE / caches) if free else TOGETHER
    return max(1, min(TOGETHER, fitting, most_rows // rows if most_rows >= 0 else TOGETHER))


def seconds_of(media: Media) -> float:
    """About how long a recording is; infinite where that is not known before it is read, or it cannot be read."""
    if hasattr(media, "__array__"):
        return seconds_of_samples(media)
    if not isinstance(media, str | Path) or is_pipe(Path(media)):
        return math.inf
    try:
        return media_duration(Path(media)) or math.inf
    except OvwError:
        return math.inf


def seconds_of_samples(samples: Any) -> float:
    """Length of an array of samples; a shorter axis is that of its channels."""
    return max(np.shape(samples), default=0) / SAMPLE_RATE


def jobs_of(media: Sequence[Media], streams: Sequence[Stream] | None) -> list[Job]:
    """Each of several recordings with its stream, by default the one that a player would begin with.

    Raises:
        UsageError: it is no list of media, or there is not a stream for each.
    """
    # an array of one axis is a recording where it holds numbers; a tensor's type has no kind
    is_samples = len(getattr(media, "shape", ())) == 1 and getattr(getattr(media, "dtype", None), "kind", "f") in "iufb"
    if is_samples or isinstance(media, str | bytes | Path | Mapping) or not hasattr(media, "__getitem__"):
        raise UsageError(f"{quoted(media)} is not a list of media", "transcribe takes a single one")
    if streams and len(streams) != len(media):
        raise UsageError(f"{len(streams)} streams for {len(media)} media", "give one for each")
    return [(as_media(one), stream) for one, stream in zip(media, streams or [None] * len(media), strict=True)]


def groups_of(seconds: Sequence[float], batch_size: int) -> list[list[int]]:
    """Recordings to read at a time, by number: those of about the same length, a few batches of windows, or a long one.

    A group comes when the first of its recordings would; without batches each is a group of its own.
    """
    if batch_size <= 1:
        return [[i] for i in range(len(seconds))]
    groups: list[list[int]] = []
    windows = math.inf
    for i in sorted(range(len(seconds)), key=lambda i: -seconds[i]):
        size = max(1.0, seconds[i] / WINDOW_S)
        if windows + size > GROUP * batch_size:
            groups.append([])
            windows = 0.0
        groups[-1].append(i)
        windows += size
    return sorted(groups, key=min)


def outcomes_of(
    jobs: Sequence[Job], together: Callable[[Sequence[Job]], list[Transcription]], alone: Callable[..., Transcription]
) -> Iterator[Transcription | OvwError]:
    """The transcriptions of a group; where one of them spoils it, each is tried alone.

    A recording that cannot be read spoils its group. Anything else is a fault of decoding together, so it is a warning.
    """
    if len(jobs) > 1:
        try:
            yield from together(jobs)
            return
        except OvwError:
            logger.debug("%d recordings are decoded one by one", len(jobs), exc_info=True)
        except Exception as error:
            warn_of_fault(len(jobs), error)
    for media, stream in jobs:
        try:
            yield alone(media, stream=stream)
        except OvwError as error:
            yield error
        except Exception as error:  # of its file, OpenVINO's own, or a fault of ours: the others go on
            logger.debug("%s", title_of(media), exc_info=True)
            yield OvwError(f"{title_of(media) or 'samples'}: {type(error).__name__}: {reason(error)}")


def warn_of_fault(count: int, error: Exception) -> None:
    """Report that recordings are decoded one by one, since decoding them together has failed."""
    logger.warning("%d recordings are decoded one by one, together they fail: %s", count, unexpected(error))
    logger.debug("decoding together", exc_info=error)


def is_live(media: Media) -> bool:
    """Whether sound may only be arriving: from a pipe, an open file or blocks."""
    return is_pipe(Path(media)) if isinstance(media, str | Path) else not hasattr(media, "__array__")


def title_of(media: Media) -> str:
    """The name of a file, without its folder; empty for samples."""
    name = media if isinstance(media, str | Path) else getattr(media, "name", None)
    return Path(name).name if isinstance(name, str | Path) else ""
