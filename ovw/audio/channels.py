"""Channels to one: a chosen one, or the mix unless the channels cancel each other in it."""

from __future__ import annotations

from typing import Any

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.plane import AudioPlane
from numpy.typing import NDArray

CANCELLED = 0.04
"""The mix has less than this share of the better channel's power: a fifth of its amplitude, as no two voices leave."""
AUDIBLE = 1e-7
"""Power of sound worth a decision: -70 dB."""
FADE = 0.5
"""Loss of the remembered powers a look."""
LOOK_EVERY = 8
"""Frames; a look at each would cost a sixth of the time that reading takes."""
DTYPES = {"u8": "u1", "s16": "i2", "s32": "i4", "s64": "i8", "flt": "f4", "dbl": "f8"}
"""Of a sample, by FFmpeg's name of the format."""


class ChannelMix:
    """Takes one channel of each frame, or notices that the mix would cancel the voice.

    Args:
        channel: number of the channel to take, from 0; `None` to leave the mix to the resampler.
    """

    def __init__(self, channel: int | None = None) -> None:
        self._channel = channel
        self._powers = np.zeros(3)
        self._frames = 0
        self.instead: int | None = None
        """The channel that was used in place of a mix that cancels."""

    def __call__(self, frame: AudioFrame) -> AudioFrame:
        """The frame, or one channel of it."""
        if self._channel is not None:
            return one_channel(frame, min(self._channel, frame.layout.nb_channels - 1))
        if frame.layout.nb_channels != 2:
            return frame
        self._frames += 1
        if self._frames > LOOK_EVERY and self._frames % LOOK_EVERY and not self._cancels:
            return frame
        self._powers = FADE * self._powers + powers(planes_of(frame))
        if not self._cancels:
            return frame
        self.instead = better(self._powers)
        return one_channel(frame, self.instead)

    @property
    def _cancels(self) -> bool:
        return cancels(self._powers)


def powers(planes: NDArray[np.floating]) -> NDArray[np.float64]:
    """Mean power of the left and the right channel [2, n] and of their mix."""
    left, right = planes
    return np.array([np.square(part, dtype=np.float64).mean() for part in (left, right, (left + right) / 2)])


def cancels(power: NDArray[np.float64]) -> bool:
    """Whether the mix loses what the channels hold, given `powers`."""
    loudest = power[:2].max()
    return bool(loudest > AUDIBLE and power[2] < CANCELLED * loudest)


def better(power: NDArray[np.float64]) -> int:
    """The louder channel, given `powers`; the left one of two alike."""
    return int(power[1] > 1.1 * power[0])


def planes_of(frame: AudioFrame) -> NDArray[np.floating]:
    """The channels of a frame in [-1, 1], shape [channels, n]."""
    planes = _raw_planes(frame)
    if planes.dtype.kind == "f":
        return planes
    half = float(1 << (8 * planes.dtype.itemsize - 1))
    return (planes.astype(np.float32) - (half if planes.dtype.kind == "u" else 0.0)) / np.float32(half)


def one_channel(frame: AudioFrame, channel: int) -> AudioFrame:
    """One channel of a frame as a mono frame of the same format."""
    return _mono(frame, _raw_planes(frame)[channel : channel + 1])


def mean_of_channels(frame: AudioFrame) -> AudioFrame:
    """The mean of all channels, for layouts that FFmpeg does not mix."""
    planes = _raw_planes(frame)
    return _mono(frame, planes.mean(axis=0, keepdims=True).astype(planes.dtype))


def _raw_planes(frame: AudioFrame) -> NDArray[Any]:
    channels = frame.layout.nb_channels
    if not frame.format.is_planar:
        return frame.to_ndarray().reshape(-1, channels).T
    # PyAV's own list of planes goes on up to an empty pointer, and behind the eighth there is none
    planes = (AudioPlane(frame, channel) for channel in range(channels))
    dtype: np.dtype[Any] = np.dtype(DTYPES[frame.format.packed.name])
    return np.stack([np.frombuffer(bytes(plane), dtype, frame.samples) for plane in planes])


def _mono(frame: AudioFrame, plane: NDArray[np.generic]) -> AudioFrame:
    mono = AudioFrame.from_ndarray(np.ascontiguousarray(plane), format=frame.format.name, layout="mono")
    mono.sample_rate = frame.sample_rate
    return mono
