"""The text decoder as a session with its key/value cache inside OpenVINO."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ovw.artifact import names
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
        self._hidden = np.zeros((1, 1, 1), np.float32)

    def start(self, hidden: NDArray[np.float32]) -> None:
        """Forget the cache and attend to new audio, hidden states [B, S, state]."""
        self._request.reset_state()
        self._hidden = hidden

    def step(self, tokens: NDArray[np.int64], beam_idx: NDArray[np.int32]) -> NDArray[np.float32]:
        """Feed tokens after what is cached.

        Args:
            tokens: [rows, n].
            beam_idx: [rows], the cached row that each row continues; row numbers themselves in the first call.

        Returns:
            Logits of every fed position, [rows, n, n_vocab]; valid until the next call.
        """
        inputs = {"input_ids": tokens, "encoder_hidden_states": self._hidden, "beam_idx": beam_idx}
        outputs = self._request.infer(inputs, share_inputs=True, share_outputs=True)
        logits: NDArray[np.float32] = outputs["logits"]
        return logits
