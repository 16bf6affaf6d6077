"""The log-mel frames of a recording of any length, of which only the part in use is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from ovw.audio.mel import (
    BLOCK_FRAMES,
    HOP_LENGTH,
    N_FFT,
    SILENCE,
    log_mel_frames,
    reflected_head,
    sounding_frames,
)

Samples = NDArray[np.float32]
BLOCK_SAMPLES = BLOCK_FRAMES * HOP_LENGTH
BLOCK_NEED = BLOCK_SAMPLES - HOP_LENGTH + N_FFT


class MelStream:
    """Turns samples into frames as they are asked for.

    Args:
        blocks: of samples, 16 kHz, of any sizes.
        n_mels: 80 or 128.
        on_samples: called with every block as it is read.
    """

    def __init__(self, blocks: Iterable[Samples], n_mels: int, on_samples: Callable[[Samples], None]) -> None:
        self._source: Iterator[Samples] = iter(blocks)
        self._n_mels = n_mels
        self._on_samples = on_samples
        self._frames: dict[int, NDArray[np.float32]] = {}  # block number -> [n_mels, BLOCK_FRAMES]; the last is short
        self._pauses: set[int] = set()  # numbers of blocks that were freed between windows
        self._unwanted = (0, 0)
        self._next = 0
        self._pending: list[Samples] = []  # from half a window before the next block's first frame
        self._n_pending = 0
        self.n_samples = 0
        self.ended = False
        self.loudest = SILENCE

    @property
    def n_frames(self) -> int:
        """Whole frames read so far; all of them once `ended`."""
        return self.n_samples // HOP_LENGTH

    @property
    def held_from(self) -> int:
        """The first frame that was not forgotten."""
        return min(self._frames, default=self._next) * BLOCK_FRAMES

    def read_to(self, frame: int) -> None:
        """Read until all frames before `frame` can be had, or the recording ends."""
        while not self.ended and self._next * BLOCK_FRAMES < frame:
            block = next(self._source, None)
            if block is None:
                self._end()
                return
            self._on_samples(block)
            self._take(block)

    def frames(self, start: int, stop: int) -> NDArray[np.float32]:
        """Log-mel power of frames that were read and not forgotten, [n_mels, stop - start].

        After the end, and in a pause that was freed, there is silence.
        """
        found = np.full((self._n_mels, stop - start), SILENCE, np.float32)
        for number in range(start // BLOCK_FRAMES, min(self._next, -(-stop // BLOCK_FRAMES))):
            if number in self._pauses:
                continue
            block, at = self._frames[number], number * BLOCK_FRAMES
            low, high = max(start, at), min(stop, at + block.shape[1])
            if low < high:
                found[:, low - start : high - start] = block[:, low - at : high - at]
        return found

    def forget(self, before: int) -> None:
        """Free the frames before `before`."""
        for number in self._blocks_in(0, before):
            del self._frames[number]

    def forget_pause(self, start: int, stop: int) -> None:
        """Free frames that no window reaches into."""
        for number in self._blocks_in(start, stop):
            del self._frames[number]
            self._pauses.add(number)

    def skip(self, start: int, stop: int) -> None:
        """Free the frames between two, and keep none of those that are still to come."""
        self._unwanted = (start, stop)
        self.forget_pause(start, stop)

    def _blocks_in(self, start: int, stop: int) -> list[int]:
        """Numbers of the blocks that are held and lie between two frames as a whole."""
        return [n for n in self._frames if start <= n * BLOCK_FRAMES and (n + 1) * BLOCK_FRAMES <= stop]

    def _take(self, block: Samples) -> None:
        self._pending.append(block)
        self._n_pending += len(block)
        if self.n_samples == 0 and self._n_pending > N_FFT // 2:
            self._begin()
        elif self.n_samples:
            self.n_samples += len(block)
        while self.n_samples and self._n_pending >= BLOCK_NEED:
            self._compute(np.concatenate(self._pending), BLOCK_FRAMES)

    def _begin(self) -> None:
        """Put the mirrored head in front, once there is enough to mirror."""
        samples = np.concatenate([np.zeros(0, np.float32), *self._pending])
        self.n_samples = len(samples)
        self._pending = [reflected_head(samples), samples]
        self._n_pending = len(samples) + N_FFT // 2

    def _compute(self, padded: Samples, count: int) -> None:
        log_spec = log_mel_frames(padded, count, self._n_mels)
        self.loudest = max(self.loudest, float(log_spec.max()))
        self._frames[self._next] = log_spec
        self._next += 1
        self.forget_pause(*self._unwanted)
        self._pending = [padded[BLOCK_SAMPLES:]]
        self._n_pending = len(self._pending[0])

    def _end(self) -> None:
        """The remaining frames, with the two whose window still reaches the last samples."""
        if self.n_samples == 0:
            self._begin()
        self.ended = True
        left = sounding_frames(self.n_samples) - self._next * BLOCK_FRAMES
        padded = np.concatenate([*self._pending, np.zeros(2 * N_FFT, np.float32)])
        while self.n_samples and left > 0:
            self._compute(padded, min(left, BLOCK_FRAMES))
            padded, left = self._pending[0], left - BLOCK_FRAMES
        self._pending = []
