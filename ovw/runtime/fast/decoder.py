"""The fast decoder: tokens to logits over windows of the fast encoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from ovw.artifact.port_names import BEAM_IDX, INPUT_IDS, LOGITS
from ovw.runtime.decoder import head_norm, state_head_norms
from ovw.runtime.device import DeviceOptions
from ovw.runtime.fast.attention import LIMIT
from ovw.runtime.fast.compiled import load_or_compile
from ovw.runtime.fast.graphs import AUDIO_BIAS, POSITIONS, Edit, cross_ports, decoder_graph
from ovw.runtime.fast.window import Array, EncodedWindow, join
from ovw.runtime.protocols import OpenVinoDecoder, Windows


class FastDecoder(OpenVinoDecoder):
    """Tokens to logits, as `DecoderSession`, over windows of `FastEncoder`.

    Args:
        artifact: folder of the genai layout.
        options: device, precision and threads.
        edit: changes the artifact's graph before it is cut.
        in_int8: take keys and values in int8, unless f32 is asked for.
        cached: keep the compiled graph on disk, and take it from there; not of an edited one.
    """

    def __init__(
        self,
        artifact: Path,
        options: DeviceOptions,
        edit: Edit | None = None,
        *,
        in_int8: bool = True,
        cached: bool = True,
    ) -> None:
        in_int8 = in_int8 and not options.in_f32
        make = partial(decoder_graph, artifact, edit, in_int8=in_int8)
        self._graph = load_or_compile(artifact, f"decoder{in_int8:d}", make, options, cached=cached and edit is None)
        self.compiled = self._graph.compiled
        self._cross = cross_ports(self.compiled)
        self.request = self.compiled.create_infer_request()
        self._windows: list[EncodedWindow] = []
        self._held: list[Array] = []

    def start(self, audio: Windows) -> None:
        """Forget the cache and attend to new windows of a `FastEncoder`; their number A divides the number of rows."""
        windows = [one for one in audio if isinstance(one, EncodedWindow)]
        assert len(windows) == len(audio), "windows of another encoder"
        self.request.reset_state()
        self._attend(windows)

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
        return self.run(tokens, beam_idx, at)[LOGITS]

    def run(
        self, tokens: NDArray[np.int64], beam_idx: NDArray[np.int32], at: Sequence[int] | None = None
    ) -> Mapping[str, NDArray[np.float32]]:
        """As `step`, with every output of the graph by its name."""
        positions = np.arange(tokens.shape[1]) if at is None else np.array(at, np.int64)
        outputs: Mapping[str, NDArray[np.float32]] = self.request.infer(
            {INPUT_IDS: tokens, BEAM_IDX: beam_idx, POSITIONS: positions}, share_outputs=True
        )
        return outputs

    def head_norms(self) -> dict[str, NDArray[np.float32]]:
        """As `DecoderSession.head_norms`, of what is attended to too."""
        caches = self._held[:-1]
        scales = caches[len(caches) // 2 :] if caches[0].dtype == np.int8 else [np.float32(1)] * len(caches)
        audio = {
            name: head_norm(cache * scale / (LIMIT if cache.dtype == np.int8 else 1), self._held[-1])
            for name, cache, scale in zip(self._cross, caches, scales, strict=False)
        }
        return audio | state_head_norms(self.request)

    def _attend(self, windows: list[EncodedWindow]) -> None:
        self._windows = windows
        self._held = join(windows)  # the request reads this memory, it does not own it
        for name, array in zip([*self._cross, AUDIO_BIAS], self._held, strict=True):
            self.request.set_tensor(name, ov.Tensor(array, shared_memory=True))
