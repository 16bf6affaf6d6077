"""The fast encoder: log-mel in, what the decoder attends to out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from ovw.artifact.ir_names import MASKED_SCORE
from ovw.artifact.port_names import INPUT_FEATURES
from ovw.models import Dims
from ovw.runtime.device import DeviceOptions
from ovw.runtime.fast.compiled import load_or_compile
from ovw.runtime.fast.context import AudioContext, contexts
from ovw.runtime.fast.graphs import AUDIO_BIAS, PAIRS, PLACES, SCALE, SOURCES, encoder_graph
from ovw.runtime.fast.merging import blocks_to_merge_before, pairs_to_merge
from ovw.runtime.fast.window import Array, EncodedBatch, EncodedWindow

CONTEXT_STEP = 128
"""Positions between one context and the next longer one, 2.56 s: the CPU plugin makes new kernels for each length."""


class FastEncoder:
    """Windows to cross-attention keys and values.

    Args:
        artifact: folder of the genai layout.
        options: device, precision and threads.
        dims: of the model.
        in_int8: give keys and values in int8, unless f32 is asked for.
        cached: keep the compiled graph on disk, and take it from there.
    """

    def __init__(
        self, artifact: Path, options: DeviceOptions, dims: Dims, *, in_int8: bool = True, cached: bool = True
    ) -> None:
        merging = blocks_to_merge_before(dims.n_audio_layer)
        in_int8 = in_int8 and not options.in_f32
        make = partial(encoder_graph, artifact, merging, in_int8=in_int8)
        self._graph = load_or_compile(artifact, f"encoder{in_int8:d}", make, options, cached=cached)
        self.compiled = self._graph.compiled
        self.request = self.compiled.create_infer_request()
        self._contexts = contexts(dims.n_audio_ctx, CONTEXT_STEP)

    def frames_for(self, size: int) -> int:
        """Mel frames to give for a window of which `size` hold sound: as many as its context takes."""
        return next(context for context in self._contexts if context.room >= size).frames

    def __call__(self, mels: Sequence[NDArray[np.float32]], *, merge: bool = True) -> list[EncodedWindow]:
        """Encode windows for one batch of the decoder, one after the other: side by side they would not be faster.

        Args:
            mels: [1, n_mels, frames] each, `frames_for` their size.
            merge: merge neighbouring positions that are alike.

        Returns:
            One for each mel, all of one batch.
        """
        taken = [next(one for one in self._contexts if one.frames == mel.shape[-1]) for mel in mels]
        pairs = [pairs_to_merge(len(context.bias)) * merge for context in taken]
        left = [len(context.bias) - merged.sum() for context, merged in zip(taken, pairs, strict=True)]
        batch = self._memory(max(left), [c.full_context and not p.any() for c, p in zip(taken, pairs, strict=True)])
        for row, mel in enumerate(mels):
            self._encode(mel, taken[row], pairs[row], batch.arrays_of(row, left[row]))
        self._graph.settle()
        return [EncodedWindow(batch, row) for row in range(len(mels))]

    def _encode(
        self, mel: NDArray[np.float32], context: AudioContext, pairs: NDArray[np.int64], into: Sequence[Array]
    ) -> None:
        bias = context.bias.reshape(1, 1, 1, -1)
        feed = {SOURCES: context.sources, PLACES: context.places, AUDIO_BIAS: bias, PAIRS: pairs}
        results = [part if part.flags.c_contiguous else np.empty_like(part, order="C") for part in into]
        for port, result in zip(self.compiled.outputs, results, strict=True):
            self.request.set_tensor(port, ov.Tensor(result, shared_memory=True))
        self.request.infer({INPUT_FEATURES: np.ascontiguousarray(mel), **feed}, share_inputs=True)
        for part, result in zip(into, results, strict=True):
            if part is not result:  # of fewer positions than the longest window of the batch
                part[...] = result

    def _memory(self, positions: int, full_context: Sequence[bool]) -> EncodedBatch:
        ports = self.compiled.outputs[1:]
        scales = [port for port in ports if port.get_any_name().endswith(SCALE)]
        caches = ports[: len(ports) - len(scales)]
        heads, head_dim = (caches[0].get_partial_shape()[axis].get_length() for axis in (1, 3))
        dtype = caches[0].get_element_type().to_dtype()
        # in one piece: what is this large, the C library gives back to the system when it goes
        return EncodedBatch(
            [*np.zeros((len(caches), len(full_context), heads, positions, head_dim), dtype)],
            [*np.empty((len(scales), len(full_context), heads, 1, head_dim), np.float32)],
            np.full((len(full_context), 1, 1, positions), MASKED_SCORE, np.float32),
            full_context,
        )
