"""What encoders and decoders have in common, whatever runs them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import openvino as ov
from numpy.typing import NDArray

Audio = Any
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
        """How many tokens a row may have in one call; -1 without a bound."""
        return -1

    def start(self, audio: Windows) -> None:
        """Forget the cache and attend to new windows; their number A divides the number of rows."""

    def narrow(self, kept: Sequence[int]) -> bool:
        """Go on with some of the windows, by number, if the decoder can: the next call then feeds their rows only."""
        return False

    def release(self) -> None:
        """Forget the windows, whose memory may then go, until the next `start`."""
        return

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
