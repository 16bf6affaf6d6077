"""The fast decoder: tokens to logits over windows of the fast encoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from ovw.runtime.device import DeviceOptions, compile_model
from ovw.runtime.fast.compiled import CompiledGraph, load_or_compile
from ovw.runtime.fast.graphs import AUDIO_BIAS, POSITIONS, Edit, cross_names, decoder_graph
from ovw.runtime.fast.window import Array, EncodedWindow, in_int8, join
from ovw.runtime.protocols import Decoder, Windows


class FastDecoder(Decoder):
    """Tokens to logits, as `DecoderSession`, over windows of `FastEncoder`.

    Args:
        artifact: folder of the genai layout.
        options: device, precision and threads.
        edit: changes the artifact's graph before it is cut.
    """

    def __init__(self, artifact: Path, options: DeviceOptions, edit: Edit | None = None) -> None:
        make = partial(decoder_graph, artifact, edit, in_int8=in_int8(options))
        kept = None if edit else load_or_compile(artifact, "decoder", make, options)
        self._graph = kept or CompiledGraph(compile_model(make(), options))
        self.compiled = self._graph.compiled
        self._cross = cross_names(self.compiled)
        self._request = self.compiled.create_infer_request()
        self._windows: list[EncodedWindow] = []
        self._held: list[Array] = []

    def start(self, audio: Windows) -> None:
        """Forget the cache and attend to new windows of a `FastEncoder`; their number A divides the number of rows."""
        self._request.reset_state()
        self._attend(list(audio))

    def narrow(self, kept: Sequence[int]) -> bool:
        """Go on with some of the windows, by number; the next call's `beam_idx` names the rows that stay."""
        self._attend([self._windows[i] for i in kept])
        return True

    def release(self) -> None:
        self._windows, self._held = [], []
        self._graph.settle()

    def step(
        self, tokens: NDArray[np.int64], beam_idx: NDArray[np.int32], at: Sequence[int] | None = None
    ) -> NDArray[np.float32]:
        """As `Decoder.step`; other positions' logits are not computed."""
        return self.run(tokens, beam_idx, at)["logits"]

    def run(
        self, tokens: NDArray[np.int64], beam_idx: NDArray[np.int32], at: Sequence[int] | None = None
    ) -> Mapping[str, NDArray[np.float32]]:
        """The same with every output of the graph, by name."""
        positions = np.arange(tokens.shape[1]) if at is None else np.array(at, np.int64)
        outputs: Mapping[str, NDArray[np.float32]] = self._request.infer(
            {"input_ids": tokens, "beam_idx": beam_idx, POSITIONS: positions}, share_outputs=True
        )
        return outputs

    def _attend(self, windows: list[EncodedWindow]) -> None:
        self._windows = windows
        self._held = join(windows)  # the request reads this memory, it does not own it
        for name, array in zip([*self._cross, AUDIO_BIAS], self._held, strict=True):
            self._request.set_tensor(name, ov.Tensor(array, shared_memory=True))
