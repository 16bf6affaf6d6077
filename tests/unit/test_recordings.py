"""Length and loudness of media, known before their first window."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.speech_files import wav_of

from ovw.api.batches import seconds_of
from ovw.api.recordings import RecordingOpener
from ovw.audio.mel import log_mel_spectrogram
from ovw.audio.samples import as_samples
from ovw.models import find_size
from ovw.transcribe import recording
from ovw.transcribe.exact import EXACTLY
from ovw.transcribe.options import TranscribeOptions
from ovw.voice_activity.detector import VoiceActivity

DIMS = find_size("tiny").dims
EXACT = TranscribeOptions(**EXACTLY.options)


def loud_at_the_end(seconds: int) -> np.ndarray:
    samples = np.random.default_rng(0).standard_normal(16_000 * seconds).astype(np.float32) * 1e-3
    samples[-16_000:] *= 300
    return samples


def as_file(samples: np.ndarray, folder: Path) -> Path:
    path = folder / "loud.wav"
    path.write_bytes(wav_of(samples))
    return path


FORMS: dict[str, Callable[[np.ndarray, Path], Any]] = {
    "file": as_file,
    "array": lambda samples, folder: samples,
    "open file": lambda samples, folder: io.BytesIO(wav_of(samples)),
}


@pytest.mark.parametrize("form", FORMS)
def test_an_exact_floor_is_that_of_the_whole_recording(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However the recording is given: what lies behind the lookahead counts too."""
    monkeypatch.setattr(recording, "LOOKAHEAD", 3000)
    monkeypatch.setattr("ovw.api.recordings.LOOKAHEAD", 3000)
    samples = np.round(loud_at_the_end(50) * 32767).astype(np.int16)
    media = FORMS[form](samples, tmp_path)
    found = RecordingOpener(DIMS, whole_loudness=True).open(media, None, EXACT).window(0, 3000)
    expected = log_mel_spectrogram(as_samples(samples), DIMS.n_mels)[:, :3000]
    assert np.allclose(found[0], expected, atol=1e-5)


def test_samples_have_a_length_before_they_are_read() -> None:
    samples = np.zeros((2, 16_000 * 400), np.float32)
    opened = RecordingOpener(DIMS).open(samples, None, TranscribeOptions())
    assert not opened.ended
    assert opened.duration == seconds_of(samples) == 400


def test_speech_without_a_pause_is_cut_where_it_is_least_likely(
    demo_samples: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not in equal parts, which go through words, for being longer than the longest window."""
    unlikely = 150  # chunks of 32 ms: at 4.8 s
    chances = np.where(np.arange(400) == unlikely, 0.6, 1.0).astype(np.float32)
    monkeypatch.setattr(VoiceActivity, "__call__", lambda self, samples, last: chances[: len(samples) // 512])
    options = TranscribeOptions(chunk_length=6.0)
    opened = RecordingOpener(DIMS).open(demo_samples[: 16_000 * 10], None, options)
    assert next(opened.speech_windows(0, 10**9, 600)).end == 480
