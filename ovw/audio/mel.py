"""Whisper's log-mel spectrogram in NumPy, equal to openai/whisper's `log_mel_spectrogram`.

The filter bank is the Slaney-normalised one of librosa's `filters.mel`, after M. Slaney, "Auditory Toolbox" (1998).
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from ovw.audio import SAMPLE_RATE

N_FFT = 400
HOP_LENGTH = 160
FRAMES_PER_SECOND = SAMPLE_RATE // HOP_LENGTH
POWER_FLOOR = 1e-10
DYNAMIC_RANGE = 8.0
"""Powers of ten kept below the loudest bin."""
SILENCE = float(np.log10(np.float32(POWER_FLOOR)))
"""A frame without any power."""
BLOCK_FRAMES = 1000
"""Frames that are computed at a time."""
FFT_FRAMES = 256
"""Frames of an FFT call: windows and spectra stay in the second-level cache, a third less time."""
PRODUCT_FRAMES = 8
"""Frames of a product with the filters, few enough for OpenBLAS to give it to one thread. Of larger ones the last bit
depends on the number of threads, and these go on spinning after it, for as long as the encoder takes that follows."""


def log_mel_spectrogram(samples: NDArray[np.float32], n_mels: int, silence_frames: int = 0) -> NDArray[np.float32]:
    """Log-mel spectrogram of a whole recording.

    Args:
        samples: [n] in [-1, 1], 16 kHz.
        n_mels: 80 or 128.
        silence_frames: frames of digital silence to follow the recording, as openai/whisper's `padding` gives.

    Returns:
        [n_mels, n // 160 + silence_frames], normalised to about [-1, 1]; its loudest bin sets the floor.
    """
    n_frames = len(samples) // HOP_LENGTH + silence_frames
    padded = np.concatenate([reflected_head(samples), samples, np.zeros(2 * N_FFT, np.float32)])
    sounding = min(n_frames, sounding_frames(len(samples)))
    log_spec = np.full((n_mels, n_frames), SILENCE, np.float32)
    for start in range(0, sounding, BLOCK_FRAMES):
        stop = min(start + BLOCK_FRAMES, sounding)
        log_spec[:, start:stop] = log_mel_frames(padded[start * HOP_LENGTH :], stop - start, n_mels)
    return normalise(log_spec, float(log_spec.max())) if n_frames else log_spec


def log_mel_frames(padded: NDArray[np.float32], count: int, n_mels: int) -> NDArray[np.float32]:
    """Base-10 logarithms of mel power, [n_mels, count].

    Args:
        padded: samples from half an FFT window before the first frame's centre, at least (count - 1) * 160 + 400.
        count: of frames.
        n_mels: 80 or 128.
    """
    frames = np.lib.stride_tricks.sliding_window_view(padded, N_FFT)[::HOP_LENGTH][:count]
    parts = [_log_mel(frames[start : start + FFT_FRAMES], n_mels) for start in range(0, count, FFT_FRAMES)]
    return np.concatenate(parts, axis=1)


def _log_mel(frames: NDArray[np.float32], n_mels: int) -> NDArray[np.float32]:
    """Of windows [n, 400], [n_mels, n]."""
    count = len(frames)
    windows = np.zeros((-(-count // PRODUCT_FRAMES) * PRODUCT_FRAMES, N_FFT), np.float32)
    np.multiply(frames, hann_window(), out=windows[:count])
    spectrum = np.fft.rfft(windows, axis=-1)
    power = spectrum.real**2 + spectrum.imag**2
    mel = np.matmul(power.reshape(-1, PRODUCT_FRAMES, power.shape[-1]), _weights(n_mels)).reshape(-1, n_mels)
    log_mel: NDArray[np.float32] = np.log10(np.maximum(mel[:count], POWER_FLOOR)).T
    return log_mel


def normalise(log_spec: NDArray[np.float32], loudest: float) -> NDArray[np.float32]:
    """Whisper's scale: 8 powers of ten below the loudest bin, mapped to about [-1, 1]."""
    return (np.maximum(log_spec, np.float32(loudest - DYNAMIC_RANGE)) + np.float32(4)) / np.float32(4)


def reflected_head(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """The half window that a centred STFT sees before the first sample: the samples after it, mirrored, [200]."""
    half = N_FFT // 2
    head = samples[1 : half + 1][::-1]
    return np.concatenate([np.zeros(half - len(head), np.float32), head])


def sounding_frames(n_samples: int) -> int:
    """Number of frames that touch a sample."""
    return (n_samples + N_FFT // 2) // HOP_LENGTH + 1


def pad_frames(mel: NDArray[np.float32], n_frames: int) -> NDArray[np.float32]:
    """Cut or zero-pad a spectrogram to exactly `n_frames` along its last axis."""
    mel = mel[..., :n_frames]
    missing = n_frames - mel.shape[-1]
    return np.pad(mel, [(0, 0)] * (mel.ndim - 1) + [(0, missing)]) if missing else np.ascontiguousarray(mel)


@cache
def hann_window() -> NDArray[np.float32]:
    """The periodic Hann window, [400]."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N_FFT) / N_FFT)).astype(np.float32)


@cache
def mel_filters(n_mels: int) -> NDArray[np.float32]:
    """Triangular filters on the Slaney mel scale, each of unit area, [n_mels, 201]."""
    bins = np.linspace(0, SAMPLE_RATE / 2, N_FFT // 2 + 1)
    edges = _mel_to_hz(np.linspace(0, _hz_to_mel(SAMPLE_RATE / 2), n_mels + 2))
    ramps = edges[:, None] - bins[None, :]
    rising = -ramps[:-2] / np.diff(edges)[:-1, None]
    falling = ramps[2:] / np.diff(edges)[1:, None]
    triangles = np.maximum(0, np.minimum(rising, falling)).astype(np.float32)
    area = 2.0 / (edges[2:] - edges[:-2])
    return (triangles * area[:, None]).astype(np.float32)


@cache
def _weights(n_mels: int) -> NDArray[np.float32]:
    """The filters as the right side of a product, [201, n_mels]."""
    return np.ascontiguousarray(mel_filters(n_mels).T)


# Slaney's scale: linear below 1 kHz, logarithmic above
_LINEAR_HZ = 200.0 / 3
_BREAK_HZ = 1000.0
_LOG_STEP = np.log(6.4) / 27


def _hz_to_mel(hz: float) -> float:
    if hz < _BREAK_HZ:
        return hz / _LINEAR_HZ
    return float(_BREAK_HZ / _LINEAR_HZ + np.log(hz / _BREAK_HZ) / _LOG_STEP)


def _mel_to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    above = mel - _BREAK_HZ / _LINEAR_HZ
    return np.where(above < 0, mel * _LINEAR_HZ, _BREAK_HZ * np.exp(_LOG_STEP * np.maximum(above, 0)))
