"""The fast encoder: log-mel in, what the decoder attends to out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from ovw.models import Dims
from ovw.runtime.device import DeviceOptions
from ovw.runtime.fast.compiled import load_or_compile
from ovw.runtime.fast.context import contexts
from ovw.runtime.fast.graphs import AUDIO_BIAS, PAIRS, PLACES, SCALE, SOURCES, encoder_graph
from ovw.runtime.fast.merging import blocks_to_merge_before, pairs_to_merge
from ovw.runtime.fast.window import Batch, Window, in_int8

CONTEXT_STEP = 64
"""Positions between one context and the next longer one, 1.28 s: the CPU plugin makes new kernels for each length."""


class FastEncoder:
    """Windows to cross-attention keys and values.

    Args:
        artifact: folder of the genai layout.
        options: device, precision and threads.
        dims: of the model.
    """

    def __init__(self, artifact: Path, options: DeviceOptions, dims: Dims) -> None:
        merging = blocks_to_merge_before(dims.n_audio_layer)
        make = partial(encoder_graph, artifact, merging, in_int8=in_int8(options))
        self._graph = load_or_compile(artifact, "encoder", make, options)
        self.compiled = self._graph.compiled
        self._request = self.compiled.create_infer_request()
        self._contexts = contexts(dims.n_audio_ctx, CONTEXT_STEP)

    def frames_for(self, size: int) -> int:
        """Mel frames to give for a window of which `size` hold sound: as many as its context takes."""
        return next(context for context in self._contexts if context.room >= size).frames

    def __call__(self, mels: Sequence[NDArray[np.float32]], *, merge: bool = True) -> list[Window]:
        """Encode windows in one context, one after the other: a batch would not be faster on a CPU.

        Args:
            mels: [1, n_mels, frames] each, all of as many frames as `frames_for` says of one of them.
            merge: hear neighbours that sound alike as one.
        """
        context = next(context for context in self._contexts if context.frames == mels[0].shape[-1])
        pairs = pairs_to_merge(len(context.bias)) * merge
        batch = self._memory(len(mels), len(context.bias) - pairs.sum(), context.whole and not pairs.any())
        bias = context.bias.reshape(1, 1, 1, -1)
        feed = {SOURCES: context.sources, PLACES: context.places, AUDIO_BIAS: bias, PAIRS: pairs}
        outputs = [batch.bias[:, None, None], *batch.caches, *batch.scales]
        for row, mel in enumerate(mels):
            for port, array in zip(self.compiled.outputs, outputs, strict=True):
                self._request.set_tensor(port, ov.Tensor(array[row : row + 1], shared_memory=True))
            self._request.infer({"input_features": np.ascontiguousarray(mel), **feed}, share_inputs=True)
        self._graph.settle()
        return [Window(batch, row) for row in range(len(mels))]

    def _memory(self, windows: int, positions: int, whole: bool) -> Batch:
        ports = self.compiled.outputs[1:]
        scales = [port for port in ports if port.get_any_name().endswith(SCALE)]
        caches = ports[: len(ports) - len(scales)]
        heads, head_dim = (caches[0].get_partial_shape()[axis].get_length() for axis in (1, 3))
        # in one piece: what is this large, the C library gives back to the system when it goes
        dtype = caches[0].get_element_type().to_dtype()
        return Batch(
            [*np.empty((len(caches), windows, heads, positions, head_dim), dtype)],
            [*np.empty((len(scales), windows, heads, 1, head_dim), np.float32)],
            np.empty((windows, positions), np.float32),
            whole=whole,
        )
