"""The text decoder as a session with its key/value cache inside OpenVINO."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from ovw.artifact.masks import give_masks_the_batch
from ovw.artifact.port_names import BEAM_IDX, ENCODER_HIDDEN_STATES, INPUT_IDS, LOGITS
from ovw.runtime.bounds import PortBounds
from ovw.runtime.device import DeviceOptions, compile_model
from ovw.runtime.protocols import OpenVinoDecoder, Windows
from ovw.runtime.with_past import read_decoder_ir


class BoundedDecoder(OpenVinoDecoder, Protocol):
    """A decoder that takes as many tokens and rows in one call as its port of tokens."""

    _tokens: PortBounds

    @property
    def max_tokens(self) -> int:
        """Tokens that a row may have in one call; -1 without a bound."""
        return self._tokens.high("tokens")

    @property
    def max_rows(self) -> int:
        """Rows that it takes in one call; -1 without a bound."""
        return self._tokens.high("batch")


class DecoderSession(BoundedDecoder):
    """Tokens to logits over encoded audio.

    The cache lives in the model's state. `beam_idx` names the earlier row that each row continues, so the same call
    grows, reorders or multiplies hypotheses; cross-attention keys and values are computed once, for the audio as given,
    and shared by the hypotheses of a window.

    Args:
        artifact: folder of the genai layout.
        options: device, precision and threads.
        edit: changes the graph before it is compiled.
    """

    def __init__(
        self, artifact: Path, options: DeviceOptions, edit: Callable[[ov.Model], None] = lambda model: None
    ) -> None:
        model = read_decoder_ir(artifact)
        give_masks_the_batch(model)
        edit(model)
        self.compiled = compile_model(model, options)
        self._request = self.compiled.create_infer_request()
        self._tokens = PortBounds.of(self.compiled, INPUT_IDS, "the decoder", ("batch", "tokens"))
        self._audio = PortBounds.of(
            self.compiled, ENCODER_HIDDEN_STATES, "the decoder", ("batch", "positions", "state")
        )

    def start(self, audio: Windows) -> None:
        """Forget the cache and attend to new windows, hidden states [A, S, state]; A divides the number of rows.

        The values are copied into the request's own tensor: in bf16 the CPU plugin goes on reading the memory it saw
        first, so an array of the caller's, once freed, would turn into noise.
        """
        hidden = np.asarray(audio)
        self._audio.require(hidden.shape)
        self._request.reset_state()
        tensor = self._request.get_tensor(ENCODER_HIDDEN_STATES)
        tensor.shape = hidden.shape
        tensor.data[:] = hidden

    def step(
        self, tokens: NDArray[np.int64], beam_idx: NDArray[np.int32], at: Sequence[int] | None = None
    ) -> NDArray[np.float32]:
        """As `Decoder.step`."""
        return chosen(self.run(tokens, beam_idx)[LOGITS], at)

    def run(self, tokens: NDArray[np.int64], beam_idx: NDArray[np.int32]) -> Mapping[str, NDArray[np.float32]]:
        """As `step`, with every output of the graph by its name, for all positions."""
        self._tokens.require(tokens.shape)
        outputs: Mapping[str, NDArray[np.float32]] = self._request.infer(
            {INPUT_IDS: tokens, BEAM_IDX: beam_idx}, share_outputs=True
        )
        return outputs

    def head_norms(self) -> dict[str, NDArray[np.float32]]:
        """As `Decoder.head_norms`, of what is cached now, by the name of the state."""
        return state_head_norms(self._request)


def state_head_norms(request: ov.InferRequest) -> dict[str, NDArray[np.float32]]:
    """`DecoderSession.head_norms` of a request."""
    return {state.name: head_norm(np.array(state.state.data, np.float32)) for state in request.query_state()}


def head_norm(cache: NDArray[np.float32], bias: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
    """Root mean square over positions and channels of keys or values [rows, heads, S, head_dim].

    Args:
        cache: keys or values.
        bias: logarithm of how many positions each stands for, [rows, 1, 1, S].
    """
    squares = np.square(cache).mean(-1)
    if bias is None:
        mean = squares.mean(-1)
    else:
        weights = np.exp(bias[:, :, 0])
        mean = (squares * weights).sum(-1) / weights.sum(-1)
    norms: NDArray[np.float32] = np.sqrt(mean).astype(np.float32)
    return norms


def chosen(logits: NDArray[np.float32], at: Sequence[int] | None) -> NDArray[np.float32]:
    """The logits [rows, n, n_vocab] of some positions, or of all."""
    return logits if at is None else logits[:, list(at)]
