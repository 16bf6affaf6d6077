"""The text decoder as OpenVINO graphs without state: the caller hands the key/value caches in and gets them back.

Two graphs stand for a decoder here: `cross`, the projections of the encoder's output that are the same for a whole
window, and `step`, which feeds tokens. Layouts are put together from the two, whichever frontend made them. Ports are
named `in_k_0a` or `out_v_3c`: in or out, key or value, the layer, `a` for self attention and `c` for cross attention.
"""

from __future__ import annotations

import numpy as np
import openvino as ov
import openvino.opset15 as ops

from ovw.artifact.graphs import cache_names, cross_names
from ovw.artifact.ir_names import PARTS
from ovw.artifact.port_names import AUDIO_FEATURES, BEAM_IDX, ENCODER_HIDDEN_STATES, INPUT_IDS, LOGITS, TOKENS
from ovw.convert.graphs.blocks import Weights, dimension, heads_of, i64, linear, merge_heads, scalar, split_heads
from ovw.convert.graphs.decoder import States, causal_mask, decode
from ovw.models import Dims
from ovw.runtime.graph_walk import named_parameter, named_result, replace

END = int(np.iinfo(np.int64).max)


def build_cross(weights: Weights, dims: Dims) -> ov.Model:
    """`audio_features` [A, S, state] -> `out_k_0c`, `out_v_0c` ... [A, heads, S, head_dim]."""
    audio = named_parameter(AUDIO_FEATURES, [-1, -1, dims.n_audio_state], np.float32)
    outputs = []
    for layer in range(dims.n_text_layer):
        w = weights.at(f"decoder.blocks.{layer}.cross_attn")
        for part in PARTS:
            projected = split_heads(linear(audio, w, part), *heads_of(dims, "text"))
            outputs.append(named_result(projected, f"out_{_name(layer, part, 'c')}"))
    return ov.Model(outputs, [audio], "whisper_cross")


def build_step(weights: Weights, dims: Dims) -> ov.Model:
    """`tokens` i64 [B, n], `in_k_0a` ... [B, heads, past, head_dim], `in_k_0c` ... [A, heads, S, head_dim]
    -> `logits` [B, n, n_vocab], `out_k_0a` ... [B, heads, past + n, head_dim]; A divides B.
    """  # noqa: D205
    tokens = named_parameter(TOKENS, [-1, -1], np.int64)
    cache = _Ports(tokens, dims)
    logits = decode(weights.at("decoder"), tokens, _nothing(dims), cache, dims)
    results = [ops.result(logits, name=LOGITS), *cache.results]
    return ov.Model(results, [tokens, *cache.parameters.values()], "whisper_step")


def build_fixed_step(weights: Weights, dims: Dims) -> ov.Model:
    """A step whose cache keeps its size, so that every shape may be static.

    Returns:
        `tokens` i64 [B, n], `length` i64 [1] (how much of the caches is filled), `in_k_0a` ... [B, L, state],
        `in_k_0c` ... [A, S, state] -> `logits` [B, n, n_vocab], `out_k_0a` ... [B, L, state]: the same caches with the
        new keys and values written behind the filled part.
    """
    tokens, length = named_parameter(TOKENS, [-1, -1], np.int64), named_parameter("length", [1], np.int64)
    cache = _FixedPorts(tokens, length, dims)
    logits = decode(weights.at("decoder"), tokens, _nothing(dims), cache, dims)
    results = [ops.result(logits, name=LOGITS), *cache.results]
    return ov.Model(results, [tokens, length, *cache.parameters.values()], "whisper_decoder")


def merged_cross(cross: ov.Model, dims: Dims) -> ov.Model:
    """The projections with their heads merged: `audio_features` -> `out_k_0c` ... [A, S, state]."""
    results = [named_result(merge_heads(_take(cross, n), dims.n_text_state), f"out_{n}") for n in cross_names(dims)]
    return ov.Model(results, cross.get_parameters(), "whisper_cross")


def stateless_decoder(cross: ov.Model, step: ov.Model, dims: Dims) -> ov.Model:
    """Both graphs as one decoder that takes and gives every cache; uses its arguments up.

    A cross cache holds the first rows of the audio that were projected already: none in the first call, all of them
    later, and what it lacks is projected now.

    Returns:
        `tokens` i64 [B, n], `audio_features` [A, S, state], `in_k_0a` ... [B, past, state], `in_k_0c` ...
        [A, 0 or S, state] -> `logits` [B, n, n_vocab], `out_k_0a` ... [B, past + n, state], `out_k_0c` ...
        [A, S, state]; A divides B.
    """
    heads, width = heads_of(dims, "text"), dims.n_text_state
    tokens = named_parameter(TOKENS, [-1, -1], np.int64)
    audio = named_parameter(AUDIO_FEATURES, [-1, -1, dims.n_audio_state], np.float32)
    caches = {name: named_parameter(f"in_{name}", [-1, -1, width], np.float32) for name in cache_names(dims)}
    known = dimension(caches["k_0c"], 1, keep_axis=True)
    _put(step, TOKENS, tokens)
    _put(cross, AUDIO_FEATURES, ops.slice(audio, known, i64(END), i64(1), i64(1)))
    results = []
    for name, cache in caches.items():
        if name.endswith("c"):
            full = ops.concat([cache, merge_heads(_take(cross, name), width)], 1)
            _put(step, f"in_{name}", split_heads(full, *heads))
        else:
            _put(step, f"in_{name}", split_heads(cache, *heads))
            full = merge_heads(_take(step, name), width)
        results.append(named_result(full, f"out_{name}"))
    logits = named_result(_source(step, LOGITS), LOGITS)
    return ov.Model([logits, *results], [tokens, audio, *caches.values()], "whisper_decoder")


def stateful_decoder(cross: ov.Model, step: ov.Model, dims: Dims) -> ov.Model:
    """Both graphs as one decoder whose caches are states, the contract of `decoder.build_decoder`; uses them up."""
    ids = named_parameter(INPUT_IDS, [-1, -1], np.int64)
    audio = named_parameter(ENCODER_HIDDEN_STATES, [-1, -1, dims.n_audio_state], np.float32)
    beam_idx = named_parameter(BEAM_IDX, [-1], np.int32)
    states = States(ids, beam_idx, dims)
    _put(step, TOKENS, ids)
    _put(cross, AUDIO_FEATURES, audio)
    for layer in range(dims.n_text_layer):
        for part in PARTS:
            own, cross_name = _name(layer, part, "a"), _name(layer, part, "c")
            _put(step, f"in_{own}", states.past(layer, part))
            states.keep(layer, part, _take(step, own))
            _put(step, f"in_{cross_name}", states.kept(layer, part, _take(cross, cross_name)))
    logits = named_result(_source(step, LOGITS), LOGITS)
    return ov.Model([logits], states.assigns, [ids, audio, beam_idx], "whisper_decoder")


class _Ports:
    """Caches that grow, as inputs and outputs of the graph."""

    def __init__(self, tokens: ov.Node, dims: Dims) -> None:
        self.heads, self.head_dim = heads_of(dims, "text")
        shape = [-1, self.heads, -1, self.head_dim]
        self.parameters = {name: named_parameter(f"in_{name}", shape, np.float32) for name in cache_names(dims)}
        self.results: list[ov.Node] = []
        past = dimension(self.parameters["k_0a"], 2, keep_axis=False)
        length = ops.add(past, dimension(tokens, 1, keep_axis=False))
        self.positions = ops.range(past, length, scalar(1), "i64")
        batch = dimension(tokens, 0, keep_axis=True)
        self.mask = causal_mask(self.positions, ops.range(scalar(0), length, scalar(1), "i64"), batch)

    def grown(self, layer: int, part: str, new: ov.Node) -> ov.Node:
        name = _name(layer, part, "a")
        full = ops.concat([self.parameters[name], new], 2)
        self.results.append(named_result(full, f"out_{name}"))
        return full

    def kept(self, layer: int, part: str, projected: ov.Node) -> ov.Node:
        return self.parameters[_name(layer, part, "c")]


class _FixedPorts:
    """Caches of one size, of which `length` positions are filled, as inputs and outputs of the graph."""

    def __init__(self, tokens: ov.Node, length: ov.Node, dims: Dims) -> None:
        self.heads, self.head_dim = heads_of(dims, "text")
        self._width = dims.n_text_state
        shape = [-1, -1, self._width]
        self.parameters = {name: named_parameter(f"in_{name}", shape, np.float32) for name in cache_names(dims)}
        self.results: list[ov.Node] = []
        fed = ops.range(scalar(0), dimension(tokens, 1, keep_axis=False), scalar(1), "i64")
        size = dimension(self.parameters["k_0a"], 1, keep_axis=False)
        self.positions = ops.add(length, fed)
        batch = dimension(tokens, 0, keep_axis=True)
        self.mask = causal_mask(self.positions, ops.range(scalar(0), size, scalar(1), "i64"), batch)

    def grown(self, layer: int, part: str, new: ov.Node) -> ov.Node:
        name = _name(layer, part, "a")
        full = ops.scatter_update(self.parameters[name], self.positions, merge_heads(new, self._width), scalar(1))
        self.results.append(named_result(full, f"out_{name}"))
        return split_heads(full, self.heads, self.head_dim)

    def kept(self, layer: int, part: str, projected: ov.Node) -> ov.Node:
        return split_heads(self.parameters[_name(layer, part, "c")], self.heads, self.head_dim)


def _nothing(dims: Dims) -> ov.Node:
    """Stands for the audio where a cache never asks for its projections."""
    return ops.constant(np.zeros((1, 1, dims.n_audio_state), np.float32))


def _name(layer: int, part: str, kind: str) -> str:
    return f"{part[0]}_{layer}{kind}"


def _source(model: ov.Model, output: str) -> ov.Node:
    """The node that is computed for an output."""
    return model.output(output).get_node().input_value(0).get_node()


def _take(model: ov.Model, name: str) -> ov.Node:
    """The node that is computed for the output of a cache, its port name free to be given again."""
    source = _source(model, f"out_{name}")
    source.output(0).set_names(set())
    return source


def _put(model: ov.Model, name: str, node: ov.Node) -> None:
    """Let `node` stand where a model has an input."""
    replace(model.input(name).get_node(), node.output(0))
