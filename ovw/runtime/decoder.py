"""The text decoder as a session with its key/value cache inside OpenVINO."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ovw.artifact import names
from ovw.runtime.bounds import PortBounds
from ovw.runtime.device import DeviceOptions, compile_ir


class DecoderSession:
    """Tokens to logits over encoded audio.

    The cache lives in the model's state. `beam_idx` says which earlier row each row continues, so the same call grows,
    reorders or multiplies hypotheses; cross-attention keys and values are computed once, for the audio as given, and
    shared by every hypothesis of a single window.

    Args:
        artifact: folder of the genai layout.
        options: device, precision and threads.
    """

    def __init__(self, artifact: Path, options: DeviceOptions) -> None:
        self.compiled = compile_ir(artifact / f"{names.DECODER}.xml", options)
        self._request = self.compiled.create_infer_request()
        self._tokens = PortBounds.of(self.compiled, "input_ids", "the decoder", ("batch", "tokens"))
        self._audio = PortBounds.of(
            self.compiled, "encoder_hidden_states", "the decoder", ("batch", "positions", "state")
        )

    @property
    def max_tokens(self) -> int:
        """How many tokens a row may have in one call; -1 without a bound."""
        return self._tokens.high("tokens")

    def start(self, hidden: NDArray[np.float32]) -> None:
        """Forget the cache and attend to new audio, hidden states [A, S, state]; A is 1 or the number of rows.

        The values are copied into the request's own tensor: in bf16 the CPU plugin goes on reading the memory it saw
        first, so an array of the caller's, once freed, would turn into noise.
        """
        self._audio.require(hidden.shape)
        self._request.reset_state()
        tensor = self._request.get_tensor("encoder_hidden_states")
        tensor.shape = hidden.shape
        tensor.data[:] = hidden

    def step(self, tokens: NDArray[np.int64], beam_idx: NDArray[np.int32]) -> NDArray[np.float32]:
        """Feed tokens after what is cached.

        Args:
            tokens: [rows, n].
            beam_idx: [rows], the cached row that each row continues; zero for a single row's first call.

        Returns:
            Logits of every fed position, [rows, n, n_vocab]; valid until the next call.

        Raises:
            OvwError: a shape outside the artifact's bounds.
        """
        self._tokens.require(tokens.shape)
        outputs = self._request.infer({"input_ids": tokens, "beam_idx": beam_idx}, share_outputs=True)
        logits: NDArray[np.float32] = outputs["logits"]
        return logits
