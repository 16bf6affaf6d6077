"""The text decoder as an OpenVINO graph whose key/value caches are states.

Self-attention keys and values grow with every call, reordered by `beam_idx` first. Cross-attention keys and values are
projected from the encoder's output by the first call after a reset and kept.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import openvino as ov
import openvino.opset15 as ops

from ovw.artifact import ir_names
from ovw.artifact.port_names import BEAM_IDX, ENCODER_HIDDEN_STATES, INPUT_IDS, LOGITS
from ovw.convert.graphs.blocks import (
    Weights,
    attention,
    dimension,
    heads_of,
    i64,
    layer_norm,
    linear,
    mlp,
    scalar,
    self_attention_inputs,
    split_heads,
)
from ovw.models import Dims
from ovw.runtime.graph_walk import make_state, named_parameter


def build_decoder(weights: Weights, dims: Dims) -> ov.Model:
    """Build the stateful decoder.

    Args:
        weights: of the whole checkpoint.
        dims: of the model.

    Returns:
        `input_ids` i64 [B, n], `encoder_hidden_states` f32 [A, S, state] and `beam_idx` i32 [B] -> `logits`
        f32 [B, n, n_vocab]. A divides B: row b attends to audio b // (B / A), so the beams of a window share its audio.
    """
    ids = named_parameter(INPUT_IDS, [-1, -1], np.int64)
    audio = named_parameter(ENCODER_HIDDEN_STATES, [-1, -1, dims.n_audio_state], np.float32)
    beam_idx = named_parameter(BEAM_IDX, [-1], np.int32)
    cache = States(ids, beam_idx, dims)
    logits = decode(weights.at("decoder"), ids, audio, cache, dims)
    return ov.Model([ops.result(logits, name=LOGITS)], cache.assigns, [ids, audio, beam_idx], "whisper_decoder")


class Cache(Protocol):
    """Where a decoder graph keeps keys and values, and what follows from how many there are.

    Attributes:
        heads, head_dim: of the decoder.
        positions: of the fed tokens, i64 [n].
        mask: additive, of self attention.
    """

    heads: int
    head_dim: int
    positions: ov.Node
    mask: ov.Node

    def grown(self, layer: int, part: str, new: ov.Node) -> ov.Node:
        """A layer's self-attention keys or values with the new ones behind, [B, heads, past + n, head_dim]."""

    def kept(self, layer: int, part: str, projected: ov.Node) -> ov.Node:
        """A layer's cross-attention keys or values, [A, heads, S, head_dim]; `projected` are those of the audio."""


def decode(w: Weights, ids: ov.Node, audio: ov.Node, cache: Cache, dims: Dims) -> ov.Node:
    """Logits f32 [B, n, n_vocab] of tokens [B, n] over audio [A, S, state]; `w` are the decoder's weights."""
    embedding = w["token_embedding.weight"]
    x = ops.gather(embedding, ids, scalar(0))
    x = ops.add(x, ops.gather(w["positional_embedding"], cache.positions, scalar(0)))
    for i in range(dims.n_text_layer):
        x = _block(x, audio, w.at(f"blocks.{i}"), cache, dims, i)
    logits = ops.matmul(layer_norm(x, w, "ln"), embedding, transpose_a=False, transpose_b=True)
    logits.output(0).set_names({LOGITS})
    return logits


class States:
    """The states of a decoder graph, and what follows from how much they hold: positions and the causal mask.

    Args:
        ids: input tokens [B, n].
        beam_idx: [B], the cached row that each row continues.
        dims: of the model.
    """

    def __init__(self, ids: ov.Node, beam_idx: ov.Node, dims: Dims) -> None:
        self.heads, self.head_dim = heads_of(dims, "text")
        self.assigns: list[ov.Node] = []
        batch = dimension(ids, 0, keep_axis=True)
        shape = ops.concat([batch, i64(self.heads, 0, self.head_dim)], 0)
        nothing = ops.broadcast(ops.constant(np.float32(0)), shape)
        self._self_states = {
            (layer, part): self._read(ir_names.cache_state(layer, ir_names.SELF, part), nothing)
            for layer in range(dims.n_text_layer)
            for part in ir_names.PARTS
        }
        self._past = {key: ops.gather(read, beam_idx, scalar(0)) for key, (read, _) in self._self_states.items()}
        past_length = dimension(self._past[0, "key"], 2, keep_axis=False)
        length = ops.add(past_length, dimension(ids, 1, keep_axis=False))
        self.positions = ops.range(past_length, length, scalar(1), "i64")
        self.mask = causal_mask(self.positions, ops.range(scalar(0), length, scalar(1), "i64"), batch)

    def _read(self, name: str, initial: ov.Node) -> tuple[ov.Node, ov.Node]:
        shape = ov.PartialShape([-1, self.heads, -1, self.head_dim])
        return make_state(name, shape, ov.Type.f32, initial)

    def past(self, layer: int, part: str) -> ov.Node:
        """A layer's cached self-attention keys or values as the rows continue them, [B, heads, past, head_dim]."""
        return self._past[layer, part]

    def keep(self, layer: int, part: str, full: ov.Node) -> None:
        """Cache what a layer's self attention has seen by now, [B, heads, past + n, head_dim]."""
        _, variable = self._self_states[layer, part]
        self.assigns.append(ops.assign(full, variable))

    def grown(self, layer: int, part: str, new: ov.Node) -> ov.Node:
        """A layer's self-attention keys or values with the new ones behind, [B, heads, past + n, head_dim]."""
        full = ops.concat([self._past[layer, part], new], 2)
        self.keep(layer, part, full)
        return full

    def kept(self, layer: int, part: str, projected: ov.Node) -> ov.Node:
        """A layer's cross-attention keys or values: `projected` in the first call after a reset, then the same."""
        read, variable = self._read(ir_names.cache_state(layer, ir_names.CROSS, part), projected)
        self.assigns.append(ops.assign(read, variable))
        return read


def causal_mask(rows: ov.Node, columns: ov.Node, batch: ov.Node) -> ov.Node:
    """Every position sees itself and what came before.

    The batch axis is written out: OpenVINO's stateful attention in bf16 walks a mask of one row with a stride for each
    row, and so masks rows after the first with whatever lies behind it in memory.

    Args:
        rows: positions of the queries, i64 [n].
        columns: positions of the keys, i64 [past + n].
        batch: number of rows, i64 [1].

    Returns:
        What is added to the scores, f32 [B, 1, n, past + n].
    """
    visible = ops.less_equal(ops.unsqueeze(columns, i64(0)), ops.unsqueeze(rows, i64(1)))
    mask = ops.select(visible, ops.constant(np.float32(0)), ops.constant(np.float32(ir_names.MASKED_SCORE)))
    every_row = ops.concat([batch, i64(1, 1, 1)], 0)
    return ops.broadcast(ops.unsqueeze(mask, i64(0, 1)), every_row, broadcast_spec="BIDIRECTIONAL")


def _block(x: ov.Node, audio: ov.Node, w: Weights, cache: Cache, dims: Dims, layer: int) -> ov.Node:
    heads, head_dim, width = cache.heads, cache.head_dim, dims.n_text_state
    own = w.at("attn")
    q, *new = self_attention_inputs(layer_norm(x, w, "attn_ln"), own, heads, head_dim)
    k, v = (cache.grown(layer, part, node) for part, node in zip(ir_names.PARTS, new, strict=True))
    name = ir_names.attention_node("decoder", layer, ir_names.SELF_ATTENTION)
    x = ops.add(x, attention(q, k, v, own, width, name, cache.mask))
    cross = w.at("cross_attn")
    k, v = (
        cache.kept(layer, part, split_heads(linear(audio, cross, part), heads, head_dim)) for part in ir_names.PARTS
    )
    # the rows that share an audio stand one behind the other among its queries, [A, heads, (B / A) * n, head_dim]
    per_audio = ops.concat([dimension(k, 0, keep_axis=True), i64(-1, heads, head_dim)], 0)
    q = ops.reshape(linear(layer_norm(x, w, "cross_attn_ln"), cross, "query"), per_audio, special_zero=False)
    # openai/whisper's "cross_attn" under the name by which openvino-genai finds it for word timestamps
    name = ir_names.attention_node("decoder", layer, ir_names.CROSS_ATTENTION)
    attended = attention(ops.transpose(q, i64(0, 2, 1, 3)), k, v, cross, width, name)
    x = ops.add(x, ops.reshape(attended, ops.shape_of(x), special_zero=False))
    return ops.add(x, mlp(x, w))
