"""Decoders and sessions that compute something else than they should, in ways that were seen or feared."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ovw.runtime.protocols import Decoder
from ovw.transcribe.model_sessions import ModelSessions

Spoil = Callable[[np.ndarray], np.ndarray]


def swap_first_rows(logits: np.ndarray) -> np.ndarray:
    """The first two rows of a batch change places."""
    return logits[[1, 0, *range(2, len(logits))]] if len(logits) > 1 else logits


def nan_in_last_row(logits: np.ndarray) -> np.ndarray:
    """The last row of a batch is NaN."""
    spoilt = logits.copy()
    if len(logits) > 1:
        spoilt[-1] = np.nan
    return spoilt


class FaultyDecoder(Decoder):
    """A decoder whose logits [rows, n, n_vocab] are spoilt."""

    def __init__(self, decoder: Any, spoil: Spoil) -> None:
        self._decoder, self._spoil = decoder, spoil

    def __getattr__(self, name: str) -> Any:
        return getattr(self._decoder, name)

    @property
    def max_tokens(self) -> int:
        return int(self._decoder.max_tokens)

    def start(self, audio: Any) -> None:
        self._decoder.start(audio)

    def narrow(self, kept: Sequence[int]) -> bool:
        return bool(self._decoder.narrow(kept))

    def release(self) -> None:
        self._decoder.release()

    def head_norms(self) -> Mapping[str, np.ndarray]:
        return dict(self._decoder.head_norms())

    def step(self, tokens: np.ndarray, beam_idx: np.ndarray, at: Sequence[int] | None = None) -> np.ndarray:
        return self._spoil(self._decoder.step(tokens, beam_idx, at))


def with_faulty_decoder(sessions: ModelSessions, spoil: Spoil) -> ModelSessions:
    """Sessions whose decoder is spoilt."""
    sessions.__dict__["decoder"] = FaultyDecoder(sessions.decoder, spoil)  # where a cached property keeps its value
    return sessions


def with_louder_head(sessions: Any, factor: float) -> Any:
    """Fast sessions whose encoder gives the values of one head times a factor."""
    encoder = sessions.fast_encoder

    class Louder:
        def __call__(self, mels: Any, *, merge: bool = True) -> Any:
            windows = encoder(mels, merge=merge)
            batch = windows[0].batch
            part = batch.scales or batch.caches
            part[1][:, 1] *= factor
            return windows

        def __getattr__(self, name: str) -> Any:
            return getattr(encoder, name)

    sessions.__dict__["fast_encoder"] = Louder()
    return sessions
