"""Our log-mel against openai/whisper's."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
import whisper.audio

from ovw.audio.mel import log_mel_spectrogram, mel_filters, pad_frames


@pytest.mark.parametrize("n_mels", [80, 128])
def test_filters_are_whispers(n_mels: int) -> None:
    assert np.array_equal(mel_filters(n_mels), whisper.audio.mel_filters("cpu", n_mels).numpy())


@pytest.mark.parametrize("n_mels", [80, 128])
@pytest.mark.parametrize("length", [201, 1_000, 16_000, 16_001, 100_003, 2_000_000])
def test_equal_to_whisper(n_mels: int, length: int) -> None:
    rng = np.random.default_rng(length)
    loudness = np.sin(np.arange(length) / 4000) ** 2
    samples = (0.3 * rng.standard_normal(length) * loudness).astype(np.float32)
    expected = whisper.audio.log_mel_spectrogram(torch.from_numpy(samples), n_mels, padding=480_000).numpy()
    assert np.abs(log_mel_spectrogram(samples, n_mels, 3000) - expected).max() < 1e-4


def test_speech_is_equal_too(demo_samples: np.ndarray) -> None:
    expected = whisper.audio.log_mel_spectrogram(torch.from_numpy(demo_samples), 80).numpy()
    assert np.abs(log_mel_spectrogram(demo_samples, 80) - expected).max() < 1e-4


def test_silence_and_nothing() -> None:
    assert np.allclose(log_mel_spectrogram(np.zeros(16_000, np.float32), 80), -1.5)
    assert log_mel_spectrogram(np.zeros(0, np.float32), 80).shape == (80, 0)
    assert log_mel_spectrogram(np.zeros(100, np.float32), 80, 10).shape == (80, 10)


def test_pad_frames() -> None:
    mel = np.ones((1, 80, 7), np.float32)
    assert pad_frames(mel, 5).shape == (1, 80, 5)
    padded = pad_frames(mel, 10)
    assert padded.shape == (1, 80, 10)
    assert padded[..., 7:].sum() == 0


@pytest.mark.parametrize("n_mels", [80, 128])
def test_threads_play_no_part(n_mels: int) -> None:
    """A worker with one BLAS thread computes what a process with many does, or bf16 makes other words of it."""
    code = (
        "import hashlib, numpy as np; from ovw.audio.mel import log_mel_spectrogram;"
        "x = np.random.default_rng(0).normal(0, 0.1, 160_000).astype(np.float32);"
        f"print(hashlib.sha256(log_mel_spectrogram(x, {n_mels}, 3000).tobytes()).hexdigest())"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads},
            check=True,
            capture_output=True,
        ).stdout
        for threads in ("1", "2", "4")
    }
    assert len(seen) == 1
