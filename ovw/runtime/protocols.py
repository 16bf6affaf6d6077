"""Protocols of encoders and decoders, whatever runs them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from ovw.runtime.device import inference_precision


class EncodedAudio(Protocol):
    """An encoded window of the fast encoder: keys and values instead of hidden states."""

    @property
    def full_context(self) -> bool:
        """Whether every position of it was computed by itself."""

    def detached(self) -> EncodedAudio:
        """A copy in memory of its own."""


Audio = NDArray[np.float32] | EncodedAudio
"""An encoded window, as the encoder of a pair leaves it for the decoder: hidden states [S, state] of most."""
Windows = Sequence[Audio] | NDArray[np.float32]
"""Several of them, [A, S, state] where they are arrays."""


class Encoder(Protocol):
    """Log-mel [B, n_mels, frames] -> hidden states [B, frames / 2, state]."""

    def __call__(self, mel: NDArray[np.float32]) -> NDArray[np.float32]: ...


class Decoder(Protocol):
    """Tokens to logits over encoded audio; see `DecoderSession`, the first of its kind."""

    @property
    def max_tokens(self) -> int:
        """Tokens that a row may have in one call; -1 without a bound."""
        return -1

    @property
    def max_rows(self) -> int:
        """Rows that it takes in one call; -1 without a bound."""
        return -1

    @property
    def precision(self) -> str:
        """The arithmetic that it runs in, such as `bf16`."""
        return "f32"

    def start(self, audio: Windows) -> None:
        """Forget the cache and attend to new windows; their number A divides the number of rows."""

    def narrow(self, kept: Sequence[int]) -> bool:
        """Go on with some of the windows, by number, if the decoder can: the next call then feeds their rows only."""
        return False

    def release(self) -> None:
        """Forget the windows, whose memory may then go, until the next `start`."""
        return

    def head_norms(self) -> Mapping[str, NDArray[np.float32]]:
        """Root mean square of the keys and values of each head, [rows, heads], by name; none where they are not seen.

        A measure of the arithmetic that is finer than logits: of one head, the error of all others does not hide it.
        """
        return {}

    def step(
        self, tokens: NDArray[np.int64], beam_idx: NDArray[np.int32], at: Sequence[int] | None = None
    ) -> NDArray[np.float32]:
        """Feed tokens after what is cached; row b attends to window b // (rows / A).

        Args:
            tokens: [rows, n].
            beam_idx: [rows], the cached row that each row continues; in the first call any.
            at: which of the n positions' logits are wanted; all by default.

        Returns:
            Logits [rows, n or len(at), n_vocab]; valid until the next call, and the caller's to change.

        Raises:
            OvwError: a shape outside the artifact's bounds.
        """
        ...


class OpenVinoDecoder(Decoder, Protocol):
    """A decoder that OpenVINO runs."""

    compiled: ov.CompiledModel

    @property
    def precision(self) -> str:
        """The arithmetic that the device really uses."""
        return inference_precision(self.compiled)
