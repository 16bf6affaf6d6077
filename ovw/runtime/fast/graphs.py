"""The surgery: from the graphs of an artifact to the ones that run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import openvino as ov
import openvino.opset15 as ops

from ovw.artifact.ir_names import (
    CROSS_ATTENTION,
    KV_CACHE_PRECISION,
    POSITIONAL_EMBEDDING,
    SELF_ATTENTION,
    AttentionKind,
    attention_layer,
    cache_order,
    is_cross,
)
from ovw.artifact.masks import give_masks_the_batch
from ovw.artifact.port_names import BEAM_IDX, ENCODER_HIDDEN_STATES, INPUT_IDS, LOGITS
from ovw.runtime.fast.adapt import read_decoder, read_encoder
from ovw.runtime.fast.attention import attend, dequantize, quantize
from ovw.runtime.fast.merging import merge_before
from ovw.runtime.graph_walk import named_parameter, named_result, replace

AUDIO_BIAS = "audio_bias"
SOURCES, PLACES, PAIRS = "sources", "places", "pairs"
POSITIONS = "logit_positions"
SCALE = ".scale"
"""Suffix of the scale's name, behind the name of an int8 cache."""
Edit = Callable[[ov.Model], object]


def encoder_graph(artifact: Path, merging: Sequence[int], *, in_int8: bool) -> ov.Model:
    """The encoder with the decoder's cross-attention projections behind it, for one window in any `AudioContext`.

    Args:
        artifact: folder of the genai layout.
        merging: blocks before which neighbours are merged.
        in_int8: give keys and values in int8, with their scales.

    Returns:
        `input_features` f32 [1, n_mels, context.frames], `sources` i64 [n], `places` i64 [n], `audio_bias` f32
        [1, 1, 1, n] and `pairs` i64 [len(merging)], how many are merged at each -> `audio_bias` f32 [1, 1, 1, S] of the
        S positions that remain; for each layer keys and values f32 or i8 [1, heads, S, head_dim], named as the
        decoder's states; and in int8 the scale of each, f32 [1, heads, 1, head_dim], in the same order.
    """
    encoder = read_encoder(artifact)
    mel = encoder.input(0).get_node()
    encoder.reshape(ov.PartialShape([1, mel.get_output_partial_shape(0)[1], -1]))
    context = _choose_positions(encoder)
    pairs = named_parameter(PAIRS, [len(merging)], ov.Type.i64)
    bias = _merge(encoder, merging, pairs, context[-1].output(0))
    decoder = read_decoder(artifact)
    replace(decoder.input(ENCODER_HIDDEN_STATES).get_node(), encoder.output(0).get_node().input_value(0))
    caches = {name: state.input_value(0) for name, state in cross_states(decoder).items()}
    scales = {}
    if in_int8:
        for name, projected in caches.items():
            caches[name], scales[f"{name}{SCALE}"] = quantize(projected)
    results = [named_result(value, name) for name, value in {AUDIO_BIAS: bias, **caches, **scales}.items()]
    return ov.Model(results, [mel, *context, pairs], "whisper_encoder")


def decoder_graph(artifact: Path, edit: Edit | None = None, *, in_int8: bool) -> ov.Model:
    """The decoder with cross-attention keys and values as inputs.

    Args:
        artifact: folder of the genai layout.
        edit: changes the artifact's own graph before.
        in_int8: take keys and values in int8, with their scales.

    Returns:
        `input_ids` i64 [B, n], `beam_idx` i32 [B], `logit_positions` i64 [m], `audio_bias` f32 [A, 1, 1, S] and keys,
        values and scales as `encoder_graph` gives them, of A windows -> `logits` f32 [B, m, n_vocab]; A divides B.
    """
    decoder = read_decoder(artifact)
    give_masks_the_batch(decoder)
    if edit:
        edit(decoder)
    bias = named_parameter(AUDIO_BIAS, [-1, 1, 1, -1], ov.Type.f32)
    positions = named_parameter(POSITIONS, [-1], ov.Type.i64)
    states = cross_states(decoder)
    caches, scales = _caches(states, in_int8=in_int8)
    for layer, attention in enumerate(_attention(decoder, CROSS_ATTENTION)):
        attention.input(3).replace_source_output(bias.output(0))
        if in_int8:
            keys, values = list(zip(caches, scales, strict=True))[2 * layer : 2 * layer + 2]
            replace(attention, attend(attention, keys, values))
    for i, state in enumerate(states.values()):
        floating = ops.multiply(dequantize(caches[i]), scales[i]) if in_int8 else caches[i]
        for use in state.output(0).get_target_inputs():
            source = caches[i] if use.get_node().get_type_name() == "ShapeOf" else floating
            use.replace_source_output(source.output(0))
    vocabulary = decoder.output(LOGITS).get_node().input_value(0).get_node()
    vocabulary.input(0).replace_source_output(ops.gather(vocabulary.input_value(0), positions, np.int64(1)).output(0))
    if in_int8:
        _embed_packed(vocabulary.input_value(1))
    kept = [sink for sink in decoder.get_sinks() if not is_cross(sink.get_attributes()["variable_id"])]
    tokens = [decoder.input(name).get_node() for name in (INPUT_IDS, BEAM_IDX)]
    inputs = [*tokens, bias, positions, *caches, *scales]
    cut = ov.Model([port.get_node() for port in decoder.outputs], kept, inputs, "whisper_decoder")
    # the plugin's own cache, of 8 bits, gives NaN to new rows when a batch grows
    cut.set_rt_info(decoder.get_rt_info(list(KV_CACHE_PRECISION)).astype(str), list(KV_CACHE_PRECISION))
    return cut


def cross_states(decoder: ov.Model) -> dict[str, ov.Node]:
    """The nodes that read the cross-attention caches, by the name of the state, layer by layer."""
    reads = [op for op in decoder.get_ops() if op.get_type_name() == "ReadValue"]
    found = {op.get_attributes()["variable_id"]: op for op in reads}
    return {name: found[name] for name in sorted(found, key=cache_order) if is_cross(name)}


def cross_ports(decoder: ov.CompiledModel) -> list[str]:
    """The inputs of a compiled `decoder_graph` for keys, values and scales, in the order of `encoder_graph`."""
    return [port.get_any_name() for port in decoder.inputs if is_cross(port.get_any_name())]


def _caches(states: Mapping[str, ov.Node], *, in_int8: bool) -> tuple[list[ov.Node], list[ov.Node]]:
    """Inputs in the place of states, and for int8 those of their scales."""
    caches, scales = [], []
    for name, state in states.items():
        heads, head_dim = (state.get_output_partial_shape(0)[axis] for axis in (1, 3))
        caches.append(named_parameter(name, [-1, heads, -1, head_dim], ov.Type.i8 if in_int8 else ov.Type.f32))
        if in_int8:
            scales.append(named_parameter(f"{name}{SCALE}", [-1, heads, 1, head_dim], ov.Type.f32))
    return caches, scales


def _embed_packed(table: ov.Output) -> None:
    """Have the token embedding unpack the rows it takes.

    Beside int8 products the plugin would unpack all of a table, to f32, and that of the vocabulary if it is the same.
    """
    for use in table.get_target_inputs():
        embedding = use.get_node()
        if embedding.get_type_name() == "Gather":
            replace(embedding, _rows_of(table, embedding.input_value(1)))


def _rows_of(table: ov.Output, rows: ov.Output) -> ov.Output:
    """Rows of a constant that is packed in 16 or 8 bits, unpacked; other tables are unpacked first."""
    node = table.get_node()
    kind = node.get_type_name()
    if kind == "Convert":
        return ops.convert(_rows_of(node.input_value(0), rows), table.get_element_type()).output(0)
    if kind in ("Subtract", "Multiply"):
        combine = ops.subtract if kind == "Subtract" else ops.multiply
        return combine(*(_rows_of(value, rows) for value in node.input_values())).output(0)
    if kind == "Constant" and (len(table.get_shape()) < 2 or table.get_shape()[0] == 1):
        return table  # the same for all rows
    return ops.gather(table, rows, np.int64(0)).output(0)


def _choose_positions(encoder: ov.Model) -> list[ov.Node]:
    """Have the encoder compute the positions that its new inputs name, with the weights that they give."""
    sources, places = (named_parameter(name, [-1], ov.Type.i64) for name in (SOURCES, PLACES))
    bias = named_parameter(AUDIO_BIAS, [1, 1, 1, -1], ov.Type.f32)
    (table,) = (op for op in encoder.get_ops() if op.get_friendly_name() == POSITIONAL_EMBEDDING)
    (use,) = table.output(0).get_target_inputs()
    (use,) = use.get_node().output(0).get_target_inputs()
    add, side = use.get_node(), use.get_index()
    sound = ops.gather(add.input_value(1 - side), sources, np.int64(1))
    add.input(1 - side).replace_source_output(sound.output(0))
    if table.get_type_name() == "Convert" and table.get_input_element_type(0) == ov.Type.f16:
        # the plugin gathers rows of f16 at a third of the speed
        table = ops.constant(table.input_value(0).get_node().get_data().astype(np.float32))
    add.input(side).replace_source_output(ops.gather(table, places, np.int64(0)).output(0))
    for attention in _attention(encoder, SELF_ATTENTION):
        attention.input(3).replace_source_output(bias.output(0))
    return [sources, places, bias]


def _merge(encoder: ov.Model, blocks: Sequence[int], pairs: ov.Node, bias: ov.Output) -> ov.Output:
    """Have the encoder merge neighbours before some blocks; returns the bias of what is left in the end."""
    attention = _attention(encoder, SELF_ATTENTION)
    for i, block in enumerate(blocks):
        bias = merge_before(encoder, block, ops.gather(pairs, np.array([i]), np.int64(0)).output(0), bias)
        for later in attention[block:]:
            later.input(3).replace_source_output(bias)
    return bias


def _attention(model: ov.Model, kind: AttentionKind) -> list[ov.Node]:
    """Its attention of a kind, layer by layer."""
    found = (op for op in model.get_ops() if op.get_type_name() == "ScaledDotProductAttention")
    by_layer = {attention_layer(op.get_friendly_name(), kind): op for op in found}
    return [by_layer[layer] for layer in sorted(layer for layer in by_layer if layer is not None)]
