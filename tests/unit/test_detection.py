"""Detection of the language of a recording, over a decoder that reads probabilities off its windows."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pytest

from ovw.models import find_size
from ovw.runtime.protocols import Decoder
from ovw.transcribe.language import identify
from ovw.transcribe.options import TranscribeOptions
from ovw.transcribe.recording import Recording

GERMAN_IN_FULL = 0.3
"""Probability that the window is English, encoded in full context."""


class _Reader(Decoder):
    """Windows are probabilities of English; the rest is German."""

    def start(self, audio: Sequence[float]) -> None:
        self._audio = audio

    def step(self, tokens: np.ndarray, beam_idx: np.ndarray, at: Sequence[int] | None = None) -> np.ndarray:
        return np.log([[[english, 1 - english]] for english in self._audio])


@pytest.mark.parametrize(
    ("shortened", "context", "language", "probability"),
    [(0.98, "auto", "en", 0.98), (0.96, "auto", "de", 0.7), (0.98, "full", "de", 0.7)],
)
def test_a_window_that_leaves_doubt_is_encoded_in_full(
    shortened: float, context: str, language: str, probability: float
) -> None:
    sessions = SimpleNamespace(
        dims=find_size("tiny").dims,
        decoder=_Reader(),
        lock=nullcontext(),
        tokenizer=SimpleNamespace(sot=0, language_tokens={"en": 0, "de": 1}),
        encode_opening=lambda recording, at, full_context: GERMAN_IN_FULL if full_context else shortened,
        is_full_context=lambda audio: audio == GERMAN_IN_FULL,
    )
    recording = Recording(iter([np.zeros(16_000, np.float32)]), sessions.dims)
    found = identify(sessions, recording, TranscribeOptions(audio_context=context))
    assert (found.language, found.probability) == (language, pytest.approx(probability))
