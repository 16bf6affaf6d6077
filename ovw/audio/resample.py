"""Frames of any format to mono samples at 16 kHz, through FFmpeg's resampler, in blocks of a bounded size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.error import FFmpegError
from numpy.typing import NDArray

from ovw.audio import SAMPLE_RATE
from ovw.audio.channels import ChannelMix, mean_of_channels

BLOCK = SAMPLE_RATE
"""Samples a block holds at least, but for the last; it holds fewer than twice as many."""
MOST_CHANNELS = 8
"""FFmpeg mixes the layouts of cinemas; more channels are a microphone array, whose mean is taken."""


class Resampler:
    """FFmpeg's resampler to 16 kHz mono s16, started anew when the input changes its format.

    Args:
        channel: number of the only channel to take, from 0; by default all are mixed.
    """

    def __init__(self, channel: int | None = None) -> None:
        self.mix = ChannelMix(channel)
        self._key: tuple[str, str, int] | None = None
        self._resampler = self._fresh()

    @staticmethod
    def _fresh() -> AudioResampler:
        return AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)

    def __call__(self, frame: AudioFrame) -> Iterator[NDArray[np.float32]]:
        """The samples that are ready once `frame` is in."""
        frame = self.mix(frame)
        if frame.layout.nb_channels > MOST_CHANNELS:
            frame = mean_of_channels(frame)
        key = (frame.format.name, frame.layout.name, frame.sample_rate)
        if self._key not in (None, key):
            yield from self.flush()
        self._key = key
        yield from self._convert(frame)

    def flush(self) -> Iterator[NDArray[np.float32]]:
        """The samples that the resampler still holds; the next frame starts afresh."""
        if self._key is not None:
            yield from self._convert(None)
            self._key, self._resampler = None, self._fresh()

    def _convert(self, frame: AudioFrame | None) -> Iterator[NDArray[np.float32]]:
        try:
            converted = self._resampler.resample(frame)
        except (FFmpegError, ValueError):  # a damaged frame
            return
        for out in converted:
            if out is not None:
                yield out.to_ndarray().ravel().astype(np.float32) / 32768.0


def in_blocks(pieces: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
    """Regroup pieces of any length into blocks of `BLOCK` to twice as many samples; the last may be shorter."""
    held: list[NDArray[np.float32]] = []
    count = 0
    for piece in pieces:
        for start in range(0, len(piece), BLOCK):
            held.append(piece[start : start + BLOCK])
            count += len(held[-1])
            if count >= BLOCK:
                yield np.concatenate(held)
                held, count = [], 0
    if count:
        yield np.concatenate(held)


def silence(seconds: float) -> Iterator[NDArray[np.float32]]:
    """Zeros, in pieces."""
    missing = round(seconds * SAMPLE_RATE)
    for start in range(0, missing, BLOCK):
        yield np.zeros(min(BLOCK, missing - start), np.float32)
