"""The decoder once more, with what its alignment heads attend to: for word timestamps.

Nothing is added to the artifact: cross attention is found in its decoder by name, and the scores of the alignment heads
become an output of a graph of their own, which is compiled when words are first asked for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import openvino as ov
import openvino.opset15 as ops
from numpy.typing import NDArray

from ovw.artifact import ir_names
from ovw.artifact.port_names import LOGITS
from ovw.errors import OvwError
from ovw.runtime.protocols import Audio, Decoder

SCORES = "cross_attention_scores"


class ScoringDecoder(Decoder, Protocol):
    """A decoder whose graph was given the scores as an output."""

    def run(self, tokens: NDArray[np.int64], beam_idx: NDArray[np.int32]) -> Mapping[str, NDArray[np.float32]]: ...


def align(decoder: ScoringDecoder, audio: Audio, tokens: Sequence[int]) -> tuple[NDArray[np.float32], ...]:
    """Feed a whole sequence over one window.

    Args:
        decoder: made with `add_scores`.
        audio: the encoded window.
        tokens: n of them.

    Returns:
        Logits [n, n_vocab] and scores before the softmax [heads, n, S]; valid until the next call.
    """
    decoder.start([audio])
    outputs = decoder.run(np.array([tokens]), np.zeros(1, np.int32))
    decoder.release()
    return outputs[LOGITS][0], outputs[SCORES][0]


def add_scores(model: ov.Model, heads: Sequence[tuple[int, int]]) -> None:
    """Give a decoder the output `cross_attention_scores`, f32 [A, heads, n, S], layer by layer.

    Raises:
        OvwError: it has no such attention.
    """
    by_layer: dict[int, list[int]] = defaultdict(list)
    for layer, head in sorted(heads):
        by_layer[layer].append(head)
    nodes = {op.get_friendly_name(): op for op in model.get_ops()}
    scores = []
    for layer, chosen in by_layer.items():
        attention = nodes.get(ir_names.attention_node("decoder", layer, ir_names.CROSS_ATTENTION))
        if attention is None:
            raise OvwError(f"the decoder has no cross attention in layer {layer}", "convert it again with this ovw")
        queries, keys = (ops.gather(attention.input_value(i), np.array(chosen), np.int64(1)) for i in range(2))
        scores.append(ops.matmul(queries, keys, transpose_a=False, transpose_b=True))
    joined = ops.concat(scores, 1)
    joined.output(0).set_names({SCORES})
    model.add_results([ops.result(joined, name=SCORES)])
    model.validate_nodes_and_infer_types()
