"""The `onnx` layout on onnxruntime."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ovw.artifact import names
from ovw.artifact.port_names import AUDIO_FEATURES, MEL, TOKENS
from ovw.errors import OvwError, reason
from ovw.extras import require
from ovw.runtime.decoder import chosen
from ovw.runtime.protocols import Decoder, Windows

if TYPE_CHECKING:
    import onnxruntime


class OnnxEncoderSession:
    """Log-mel spectrograms to hidden states.

    Args:
        artifact: folder of the onnx layout.
        threads: 0 for all cores.
    """

    def __init__(self, artifact: Path, threads: int = 0) -> None:
        self._session = load_graph(artifact / names.ONNX_ENCODER, threads)

    def __call__(self, mel: NDArray[np.float32]) -> NDArray[np.float32]:
        """Encode windows: [B, n_mels, frames] -> hidden states [B, frames / 2, state]."""
        hidden: NDArray[np.float32] = self._session.run(None, {MEL: mel})[0]
        return hidden


class OnnxDecoderSession(Decoder):
    """Tokens to logits over encoded audio, as `DecoderSession`.

    Cross-attention keys and values are computed once a window and stay where onnxruntime put them.

    Args:
        artifact: folder of the onnx layout.
        threads: 0 for all cores.
    """

    def __init__(self, artifact: Path, threads: int = 0) -> None:
        self._cross = load_graph(artifact / names.ONNX_CROSS, threads)
        self._step = load_graph(artifact / names.ONNX_DECODER, threads)
        self._outputs = [port.name for port in self._step.get_outputs()]
        own = (port for port in self._step.get_inputs() if port.name.startswith("in_") and port.name.endswith("a"))
        self._shapes = {port.name: port.shape for port in own}
        self._cross_caches: dict[str, Any] = {}
        self._caches: dict[str, NDArray[np.float32]] = {}

    @property
    def max_tokens(self) -> int:
        """Tokens that a row may have in one call: any number."""
        return -1

    def start(self, audio: Windows) -> None:
        """Forget the caches and attend to new windows, hidden states [A, S, state]; A divides the number of rows."""
        from onnxruntime import OrtValue

        ports = [port.name for port in self._cross.get_outputs()]
        hidden = OrtValue.ortvalue_from_numpy(np.ascontiguousarray(audio))
        projected = self._cross.run_with_ort_values(ports, {AUDIO_FEATURES: hidden})
        self._cross_caches = {name.replace("out_", "in_"): value for name, value in zip(ports, projected, strict=True)}
        self._caches = {}

    def step(
        self, tokens: NDArray[np.int64], beam_idx: NDArray[np.int32], at: Sequence[int] | None = None
    ) -> NDArray[np.float32]:
        """Feed tokens after what is cached, as `Decoder.step`."""
        from onnxruntime import OrtValue

        if self._caches:
            caches = {name: cache[beam_idx] for name, cache in self._caches.items()}
        else:
            caches = {n: np.zeros((len(tokens), s[1], 0, s[3]), np.float32) for n, s in self._shapes.items()}
        feed = {name: OrtValue.ortvalue_from_numpy(cache) for name, cache in caches.items()} | self._cross_caches
        feed[TOKENS] = OrtValue.ortvalue_from_numpy(np.ascontiguousarray(tokens, np.int64))
        logits, *grown = (value.numpy() for value in self._step.run_with_ort_values(self._outputs, feed))
        self._caches = dict(zip(caches, grown, strict=True))
        return chosen(np.asarray(logits, np.float32), at)


def load_graph(path: Path, threads: int = 0) -> onnxruntime.InferenceSession:
    """A graph on onnxruntime's CPU provider.

    Raises:
        OvwError: onnxruntime is not installed, or cannot read the file.
    """
    require(f"running {path.name}", "onnxruntime")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3  # errors
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's exceptions share no base
        raise OvwError(f"{path.name}: onnxruntime cannot read it: {reason(error)}", "convert again") from None
