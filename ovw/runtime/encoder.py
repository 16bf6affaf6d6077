"""The audio encoder as a session."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ovw.artifact import names
from ovw.runtime.device import DeviceOptions, compile_ir


class EncoderSession:
    """Log-mel spectrograms to hidden states.

    Args:
        artifact: folder of the genai layout.
        options: device, precision and threads.
    """

    def __init__(self, artifact: Path, options: DeviceOptions) -> None:
        self.compiled = compile_ir(artifact / f"{names.ENCODER}.xml", options)
        self._request = self.compiled.create_infer_request()

    def __call__(self, mel: NDArray[np.float32]) -> NDArray[np.float32]:
        """Encode windows: [B, n_mels, frames] -> hidden states [B, frames / 2, state], the caller's to keep."""
        hidden = self._request.infer({"input_features": mel}, share_inputs=True)["last_hidden_state"]
        return np.asarray(hidden, np.float32)
