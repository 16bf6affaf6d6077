"""A recording's speech probabilities, block by block."""

from __future__ import annotations

from concurrent.futures import Executor, ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from ovw.audio import SAMPLE_RATE
from ovw.cgroups import usable_cores
from ovw.voice_activity.network import CHUNK, CONTEXT, STATE, vad_request

CHUNK_S = CHUNK / SAMPLE_RATE
CHUNKS, MOST_CHUNKS = 32, 256
"""Chunks in an inference: multiples, up to 8 s, and the rest; the CPU plugin keeps kernels for each size."""
LONGEST_INFERENCE = MOST_CHUNKS * CHUNK
"""Samples of the longest inference."""
AUDIBLE = 0.05
"""RMS of the loudest chunk below which the network misses speech; quieter sound is amplified to it."""
MOST_GAIN = 100.0
"""Below -66 dB there are too few bits to recognise speech."""
FADE = 0.1 ** (1 / MOST_CHUNKS)
"""Loss of the remembered level a chunk: quiet speech is found 8 s after loud speech, and its pauses are left alone."""


class VoiceActivity:
    """A recording's speech probabilities, block by block; the state of one recording.

    Args:
        threads: that the network may use for all recordings together; 0 for all usable cores.
    """

    def __init__(self, threads: int = 0) -> None:
        self._request = vad_request(threads or usable_cores())
        self._left = np.zeros(CONTEXT, np.float32)  # the last context, and samples short of a chunk
        self._state = [np.zeros((1, 1, STATE), np.float32)] * 2
        self._level = 0.0

    def __call__(self, samples: NDArray[np.float32], *, last: bool = False) -> NDArray[np.float32]:
        """Probabilities of every chunk that these samples complete.

        Args:
            samples: the next ones, [n], 16 kHz, any number.
            last: nothing follows them; what is short of a chunk is filled up with silence.

        Returns:
            [(pending + n) // 512], rounded up at the last ones.
        """
        buffered = np.concatenate([self._left, samples])
        if last:
            buffered = np.pad(buffered, (0, -(len(buffered) - CONTEXT) % CHUNK))
        count = (len(buffered) - CONTEXT) // CHUNK
        self._left = buffered[count * CHUNK :]
        if last:  # one inference of a usual size, not two
            buffered = np.pad(buffered, (0, -count % CHUNKS * CHUNK))
        chunks = np.lib.stride_tricks.sliding_window_view(buffered, CONTEXT + CHUNK)[::CHUNK] if count else buffered[:0]
        found = [np.zeros(0, np.float32)]
        while len(chunks):
            size = min(len(chunks) // CHUNKS * CHUNKS, MOST_CHUNKS) or len(chunks)
            found.append(self._infer(chunks[:size]))
            chunks = chunks[size:]
        return np.concatenate(found)[:count]

    def _infer(self, chunks: NDArray[np.float32]) -> NDArray[np.float32]:
        outputs = self._request.infer([self._audible(chunks), *self._state], share_inputs=True)
        probabilities, *self._state = (outputs[i].copy() for i in range(3))
        return np.asarray(probabilities, np.float32)

    def _audible(self, chunks: NDArray[np.float32]) -> NDArray[np.float32]:
        """Quiet chunks amplified, as Whisper's spectrogram is blind to the level too; others as they are.

        Noise and hum stay what they are for the network, however loud.
        """
        loudest = float(chunks[:, CONTEXT:].std(axis=1).max())
        self._level = max(loudest, self._level * FADE ** len(chunks))
        if self._level >= AUDIBLE:
            return np.ascontiguousarray(chunks)
        gain = min(AUDIBLE / max(self._level, 1e-9), MOST_GAIN)
        return np.asarray((chunks - chunks.mean()) * np.float32(gain), np.float32)


def speech_worker(threads: int) -> Executor:
    """A worker that detects speech beside the caller's work; it has begun to compile the network.

    Args:
        threads: as of `VoiceActivity`.
    """
    worker = ThreadPoolExecutor(1, "voice-activity")
    worker.submit(vad_request, threads or usable_cores())  # a fault comes up again at the first recording
    return worker
