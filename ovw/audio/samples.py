"""Samples that a caller hands over: arrays of any common type and shape, and blocks as they arrive."""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from numbers import Real
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from ovw.audio import SAMPLE_RATE
from ovw.audio.channels import FADE, better, cancels, powers
from ovw.audio.choice import Stream
from ovw.audio.decode import stream_audio
from ovw.audio.resample import BLOCK
from ovw.errors import OvwError, UsageError, quoted, reason
from ovw.home import user_path

logger = logging.getLogger(__name__)

Media = str | Path | BinaryIO | NDArray[Any] | Sequence[float] | Iterable[NDArray[Any]]
"""Inputs of the runner: a path, an open binary file, samples (a tensor or a list of them), or blocks of samples."""
MOST_CHANNELS = 32
LOUDEST = 100.0
"""Floating-point samples lie in [-1, 1]; a clipped mix goes a little beyond, unscaled integers go far."""
WANTED = "give mono samples at 16 kHz in [-1, 1], shape [n]"


def as_media(media: Media) -> Media:
    """A list of numbers as an array of samples, a path with the home folder in it; anything else as it is.

    Raises:
        UsageError: an address, or an empty name.
    """
    if isinstance(media, str) and (not media.strip() or re.match(r"\w+://", media)):
        raise UsageError(f"{quoted(media)} is no file", "give its path; ovw transcribe takes addresses too")
    if isinstance(media, str | Path):
        return user_path(media)
    if isinstance(media, list | tuple) and media and isinstance(media[0], Real):
        return np.asarray(media)
    return media


def blocks_of(media: Media, stream: Stream = None) -> Iterator[NDArray[np.float32]]:
    """The sound of anything that can be transcribed, block by block.

    Args:
        media: a path, an open binary file, samples at 16 kHz (see `as_samples`), or an iterable of such arrays.
        stream: which audio stream of a file, counted from 0, or a fuller choice.

    Raises:
        OvwError: as `stream_audio` and `as_samples`.
    """
    if isinstance(media, str | Path):
        yield from stream_audio(Path(media), stream)
    elif hasattr(media, "__array__"):
        samples = as_samples(_array_of(media))
        for start in range(0, len(samples), BLOCK):
            yield samples[start : start + BLOCK]
    elif hasattr(media, "read"):
        if isinstance(media, io.TextIOBase):
            raise UsageError("the open file holds text", "open it with 'rb'")
        if getattr(media, "closed", False):
            raise UsageError("the file is closed", "open it again")
        yield from stream_audio(cast("BinaryIO", media), stream)
    elif isinstance(media, Iterable) and not isinstance(media, bytes | Mapping):
        yield from map(BlockReader(), map(_array_of, cast("Iterable[Any]", media)))
    else:
        seen = quoted(media)
        raise UsageError(
            f"{seen} cannot be transcribed", "give a path, an open binary file, samples, or blocks of them"
        )


def _array_of(samples: Any) -> NDArray[Any]:
    try:
        return np.asarray(samples)
    except (TypeError, ValueError, RuntimeError) as error:  # a tensor with gradients, or of a type NumPy lacks
        raise OvwError(f"the samples are no array: {reason(error)}", WANTED) from None


def read_whole(media: Media, stream: Stream = None) -> NDArray[np.float32]:
    """All samples [n] of anything that can be transcribed; arguments and errors as `blocks_of`."""
    return np.concatenate([np.zeros(0, np.float32), *blocks_of(media, stream)])


def as_samples(array: NDArray[Any]) -> NDArray[np.float32]:
    """Samples as the models want them.

    Args:
        array: 16 kHz, shape [n], [n, channels] or [channels, n]. Floating point in [-1, 1], or integers of at most 32
            bits over their whole range (unsigned ones centred on its middle).

    Returns:
        Mono, [n], in [-1, 1].

    Raises:
        OvwError: another type or shape, values that are not finite, or integers that were turned to floats unscaled.
    """
    return BlockReader()(array)


class BlockReader:
    """Blocks of one recording as samples: their layout, and whether their channels cancel, is decided for all of them.

    Until a block shows which axis is that of the channels, by being longer than there can be channels, it is the
    shorter one.
    """

    def __init__(self) -> None:
        self._axis: int | None = None
        self._energy, self._weight = np.zeros(3), 0.0
        self._warned = False

    def __call__(self, array: NDArray[Any]) -> NDArray[np.float32]:
        """A block as `as_samples` gives it; raises the same."""
        array = np.asarray(array)
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise OvwError("the samples hold values that are not finite (NaN or infinity)", WANTED)
        samples = self._mono(_scaled(array))
        if len(samples) and (peak := float(np.abs(samples).max())) > LOUDEST:
            raise OvwError(f"the samples reach {peak:.0f}, expected [-1, 1]", "divide 16-bit values by 32768")
        return np.ascontiguousarray(samples, np.float32)

    def _mono(self, array: NDArray[Any]) -> NDArray[Any]:
        if array.ndim == 1:
            return array
        if array.ndim == 2 and not array.size:
            return np.zeros(0, np.float32)
        axis = self._axis
        if axis is None and array.ndim == 2:
            axis = int(np.argmin(array.shape))
        if axis is None or array.ndim != 2 or array.shape[axis] > MOST_CHANNELS:
            raise OvwError(f"samples of shape {list(array.shape)} are neither mono nor channels", WANTED)
        if max(array.shape) > MOST_CHANNELS:
            self._axis = axis
        planes: NDArray[Any] = np.moveaxis(array, axis, 0)
        if len(planes) == 2 and self._cancel(planes):
            if not self._warned:
                logger.warning("the channels of the samples cancel each other, the louder one is used alone")
            self._warned = True
            louder: NDArray[Any] = planes[better(self._energy)]
            return louder
        mixed: NDArray[Any] = planes.mean(axis=0, dtype=np.float64)
        return mixed

    def _cancel(self, planes: NDArray[Any]) -> bool:
        """Whether the channels cancel in this block, or in all so far; what was a second ago counts half."""
        here, count = powers(planes), planes.shape[1]
        kept = FADE ** (count / SAMPLE_RATE)
        self._energy = kept * self._energy + count * here
        self._weight = kept * self._weight + count
        return cancels(here) or cancels(self._energy / self._weight)


def _scaled(array: NDArray[Any]) -> NDArray[Any]:
    kind, bits = array.dtype.kind, 8 * array.dtype.itemsize
    if kind == "f":
        return array
    if kind not in "iu" or bits > 32:
        raise OvwError(f"samples of type {array.dtype} have no agreed scale", WANTED)
    half = float(1 << (bits - 1))
    return (array.astype(np.float64) - (half if kind == "u" else 0.0)) / half
