"""The fast encoder: log-mel in, what the decoder attends to out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ovw.models import Dims
from ovw.runtime.device import DeviceOptions
from ovw.runtime.fast.compiled import load_or_compile
from ovw.runtime.fast.context import contexts
from ovw.runtime.fast.graphs import AUDIO_BIAS, PAIRS, PLACES, SOURCES, encoder_graph
from ovw.runtime.fast.merging import blocks_to_merge_before, pairs_to_merge
from ovw.runtime.fast.window import Batch, Window, as_tensor, cache_type, dtype_of

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
        kind = cache_type(options)
        merging = blocks_to_merge_before(dims.n_audio_layer)
        make = partial(encoder_graph, artifact, kind, merging)
        self._graph = load_or_compile(artifact, "encoder", make, options)
        self.compiled = self._graph.compiled
        self._request = self.compiled.create_infer_request()
        self._dtype = dtype_of(kind)
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
        for row, mel in enumerate(mels):
            self._request.set_output_tensor(0, as_tensor(batch.bias[row].reshape(1, 1, 1, -1)))
            for i, cache in enumerate(batch.caches, 1):
                self._request.set_output_tensor(i, as_tensor(cache[row : row + 1]))
            self._request.infer({"input_features": np.ascontiguousarray(mel), **feed}, share_inputs=True)
        self._graph.settle()
        return [Window(batch, row) for row in range(len(mels))]

    def _memory(self, windows: int, positions: int, whole: bool) -> Batch:
        ports = (port.get_partial_shape() for port in self.compiled.outputs[1:])
        shapes = [(windows, *(n.get_length() if n.is_static else positions for n in axes[1:])) for axes in ports]
        # in one piece: what is this large, the C library gives back to the system when it goes
        pieces = np.empty((len(shapes), math.prod(shapes[0])), self._dtype)
        caches = [piece.reshape(shape) for piece, shape in zip(pieces, shapes, strict=True)]
        return Batch(caches, np.empty((windows, positions), np.float32), whole=whole)
