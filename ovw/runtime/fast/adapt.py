"""Graphs of other programs in the form that the fast path knows, in memory: found by what they compute, not by names.

Exports of optimum-intel compute what ours do, operation by operation, under other names. Each part that the fast path
takes hold of is looked for by its place in the graph and gets our name; where the form differs (a window for each row,
a fixed number of positions) it is changed. A graph with anything else in these places is left alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import numpy as np
import openvino as ov
import openvino.opset15 as ops

from ovw.artifact import ir_names, names
from ovw.artifact.foreign import is_foreign
from ovw.artifact.port_names import BEAM_IDX, ENCODER_HIDDEN_STATES, INPUT_IDS, LOGITS
from ovw.runtime.device import core
from ovw.runtime.graph_walk import (
    UnknownGraphError,
    ancestors,
    is_constant,
    replace,
    require,
    users,
    value_of,
    variable_info,
    walk_up,
)
from ovw.runtime.with_past import read_decoder_ir

ATTENTION = "ScaledDotProductAttention"
HEADS_TO_FRONT = [0, 2, 1, 3]
POSITIONS_AXIS = 1


@lru_cache
def is_adaptable(artifact: Path) -> bool:
    """Whether both graphs of another program's folder have a form that can be adapted."""
    try:
        adapt_encoder(core().read_model(artifact / f"{names.ENCODER}.xml"))
        adapt_decoder(read_decoder_ir(artifact))
    except (UnknownGraphError, RuntimeError):
        return False
    return True


def read_encoder(artifact: Path) -> ov.Model:
    """The encoder of a folder of the genai layout, adapted if another program made it; raises as `adapt_encoder`."""
    model = core().read_model(artifact / f"{names.ENCODER}.xml")
    if is_foreign(artifact):
        adapt_encoder(model)
    return model


def read_decoder(artifact: Path) -> ov.Model:
    """The decoder of a folder of the genai layout, adapted if another program made it; raises as `adapt_decoder`."""
    model = read_decoder_ir(artifact)
    if is_foreign(artifact):
        adapt_decoder(model)
    return model


def adapt_encoder(model: ov.Model) -> None:
    """Give an encoder our names, and any number of positions, in place.

    Raises:
        UnknownGraphError: it is built in another way.
    """
    require(len(model.inputs) == len(model.outputs) == 1, "encoder", "one input and one output")
    ordered = model.get_ordered_ops()
    attention = [op for op in ordered if op.get_type_name() == ATTENTION]
    require(bool(attention), "encoder", f"{ATTENTION} operations")
    norms = [_norm_of(node, layer) for layer, node in enumerate(attention)]
    for layer, (node, norm) in enumerate(zip(attention, norms, strict=True)):
        node.set_friendly_name(ir_names.attention_node("encoder", layer, ir_names.SELF_ATTENTION))
        _scale_of(norm).set_friendly_name(ir_names.norm_scale(ir_names.attention_norm(layer)))
    last = walk_up(model.outputs[0].get_node().input_value(0), "MVN")
    require(last not in norms, "encoder", "a norm behind the last block")
    _scale_of(last).set_friendly_name(ir_names.norm_scale(ir_names.LAST_NORM))
    _free_positions(ordered)
    _name_positions(norms[0].input_value(0).get_node())


def adapt_decoder(model: ov.Model) -> None:
    """Give a decoder our names, and windows that rows share, in place.

    Raises:
        UnknownGraphError: it is built in another way.
    """
    _check_vocabulary(model.output(LOGITS).get_node().input_value(0).get_node())
    for layer, (own, cross) in enumerate(name_states(model)):
        own.set_friendly_name(ir_names.attention_node("decoder", layer, ir_names.SELF_ATTENTION))
        cross.set_friendly_name(ir_names.attention_node("decoder", layer, ir_names.CROSS_ATTENTION))
        _check_plain(cross, "decoder")
        _share_windows(cross)
    if not model.has_rt_info(list(ir_names.KV_CACHE_PRECISION)):
        model.set_rt_info("f16", list(ir_names.KV_CACHE_PRECISION))
    model.validate_nodes_and_infer_types()


def name_states(model: ov.Model) -> list[tuple[ov.Node, ov.Node]]:
    """Give the states of a decoder our names, in place; nothing else changes.

    Returns:
        Self attention and cross attention of each layer.

    Raises:
        UnknownGraphError: it is built in another way.
    """
    ports = {port.get_any_name() for port in model.inputs}
    require(ports == {INPUT_IDS, ENCODER_HIDDEN_STATES, BEAM_IDX}, "decoder", "three inputs")
    attention = [op for op in model.get_ordered_ops() if op.get_type_name() == ATTENTION]
    layers = list(zip(attention[::2], attention[1::2], strict=False))
    require(bool(layers) and len(attention) % 2 == 0, "decoder", f"two {ATTENTION} operations a layer")
    states = {}
    for layer, (own, cross) in enumerate(layers):
        for side, part in enumerate(ir_names.PARTS, 1):
            states[ir_names.cache_state(layer, ir_names.SELF, part)] = _past_of(own.input_value(side))
            states[ir_names.cache_state(layer, ir_names.CROSS, part)] = _kept_of(cross.input_value(side))
    audio = model.input(ENCODER_HIDDEN_STATES).get_node()
    _check_audio(audio, [node for name, node in states.items() if ir_names.is_cross(name)])
    _rename(model, states)
    return layers


def _norm_of(attention: ov.Node, layer: int) -> ov.Node:
    """The norm whose output queries, keys and values of an encoder's self attention are projected from."""
    _check_plain(attention, "encoder")
    found = [walk_up(attention.input_value(side), "MVN") for side in range(3)]
    require(len({node.get_name() for node in found}) == 1, f"encoder, layer {layer}", "one norm before attention")
    return found[0]


def _check_plain(attention: ov.Node, where: str) -> None:
    """Require attention without mask and with a scale of 1, as it is where scales are in the queries."""
    require(attention.get_input_size() == 5, where, "a mask and a scale of attention")
    mask, scale = (value_of(attention.input_value(side)) for side in (3, 4))
    plain = mask is not None and not mask.any() and scale is not None and (scale == 1).all()
    require(plain and not attention.get_attributes()["causal"], where, "attention without a mask")


def _scale_of(norm: ov.Node) -> ov.Node:
    """The constant that multiplies a norm's output, of that use alone."""
    behind = users(norm)
    require(len(behind) == 1 and behind[0].get_type_name() == "Multiply", norm.get_friendly_name(), "a product behind")
    (scale,) = (value for value in behind[0].input_values() if value.get_node() is not norm and is_constant(value))
    node = scale.get_node()
    while node.get_type_name() != "Constant":
        require(node.get_input_size() > 0 and len(users(node)) == 1, norm.get_friendly_name(), "a scale of its own")
        node = node.input_value(0).get_node()
    return node


def _free_positions(ordered: Iterable[ov.Node]) -> None:
    """Let the reshapes of an encoder take over the number of positions that they fix."""
    for node in (one for one in ordered if one.get_type_name() == "Reshape"):
        pattern, shape = value_of(node.input_value(1)), node.get_input_partial_shape(0)
        if pattern is None or shape.rank.is_dynamic or len(pattern) <= POSITIONS_AXIS or is_constant(node.output(0)):
            continue
        size = shape[POSITIONS_AXIS]
        if size.is_static and pattern[POSITIONS_AXIS] == size.get_length():
            require(node.get_attributes()["special_zero"] or not (pattern == 0).any(), "encoder", "a known reshape")
            pattern = pattern.copy()
            pattern[POSITIONS_AXIS] = 0
            free = ops.reshape(node.input_value(0), pattern, special_zero=True)
            replace(node, free.output(0))


def _name_positions(add: ov.Node) -> None:
    """Have the positional embedding [S, state] as a constant of our name, of which a slice is added."""
    require(add.get_type_name() == "Add", "encoder", "positions that are added")
    tables = [(side, value_of(_unsliced(add.input_value(side)))) for side in range(2)]
    found = [(side, value) for side, value in tables if value is not None]
    require(len(found) == 1, "encoder", "a table of positions")
    side, values = found[0]
    table = ops.constant(np.ascontiguousarray(values.reshape(values.shape[-2:]), np.float32))
    table.set_friendly_name(ir_names.POSITIONAL_EMBEDDING)
    size = ops.gather(ops.shape_of(add.input_value(1 - side)), [POSITIONS_AXIS], 0)
    rows = ops.slice(table, [0], size, [1], [0])
    add.input(side).replace_source_output(rows.output(0))


def _unsliced(value: ov.Output) -> ov.Output:
    """The table whose first rows a value is."""
    node = value.get_node()
    begin = value_of(node.input_value(1)) if node.get_type_name() == "Slice" else None
    return node.input_value(0) if begin is not None and not begin.any() else value


def _past_of(value: ov.Output) -> ov.Node:
    """The state behind the keys or values of self attention: it is reordered, and new ones are put behind."""
    joined = value.get_node()
    require(joined.get_type_name() == "Concat", "decoder", "a cache that grows")
    node = joined.input_value(0).get_node()
    if node.get_type_name() == "Gather":
        node = node.input_value(0).get_node()
    require(node.get_type_name() == "ReadValue", "decoder", "a state behind self attention")
    return node


def _kept_of(value: ov.Output) -> ov.Node:
    """The state that is the keys or values of cross attention."""
    node = value.get_node()
    require(node.get_type_name() == "ReadValue", "decoder", "a state behind cross attention")
    shape = node.get_output_partial_shape(0)
    require(shape.rank.is_static and len(shape) == 4 and shape[1].is_static and shape[3].is_static,
             "decoder", "heads of a known size")  # fmt: skip
    return node


def _check_vocabulary(node: ov.Node) -> None:
    known = (
        node.get_type_name() == "MatMul" and is_constant(node.input_value(1)) and not is_constant(node.input_value(0))
    )
    require(known and len(node.get_input_partial_shape(0)) == 3, "decoder", "logits as a product")


def _check_audio(audio: ov.Node, states: list[ov.Node]) -> None:
    """Require that the audio goes into these states and nowhere else, and nothing else into them."""
    inside = {audio.get_name(): audio}
    for state in states:
        for node in ancestors(state.input_value(0)):
            if node.get_type_name() in ("Parameter", "ReadValue"):
                require(node.get_name() == audio.get_name(), "decoder", "keys and values of the audio alone")
            if not is_constant(node.output(0)):
                inside[node.get_name()] = node
    known = {*inside, *(state.get_name() for state in states)}
    require(all(user.get_name() in known for node in inside.values() for user in users(node)),
             "decoder", "audio for cross attention alone")  # fmt: skip


def _rename(model: ov.Model, states: dict[str, ov.Node]) -> None:
    """Give states our names."""
    wanted = {node.get_attributes()["variable_id"]: name for name, node in states.items()}
    require(len(wanted) == len(states), "decoder", "a state for each cache")
    for variable in model.get_variables():
        info = variable.info
        require(info.variable_id in wanted, "decoder", "no other states")
        variable.update(variable_info(wanted[info.variable_id], info.data_shape, info.data_type))


def _share_windows(attention: ov.Node) -> None:
    """Have the rows of a window stand one behind the other among the queries of its keys and values.

    Queries [B, heads, n, head_dim] over A windows become [A, heads, (B / A) * n, head_dim], as in our own graphs.
    """
    queries = attention.input_value(0).get_node()
    while queries.get_type_name() == "Multiply" and is_constant(queries.input_value(1)):
        queries = queries.input_value(0).get_node()  # the scale
    split = queries.input_value(0).get_node()
    (back,) = _one(users(attention), "a use of cross attention")
    (merged,) = _one(users(back), "a use of cross attention")
    require([node.get_type_name() for node in (queries, split, back, merged)] == ["Transpose", "Reshape"] * 2,
             "decoder", "heads that are split and merged")  # fmt: skip
    orders = [value_of(node.input_value(1)) for node in (queries, back)]
    require(
        all(order is not None and order.tolist() == HEADS_TO_FRONT for order in orders), "decoder", "heads in front"
    )
    rows = split.input_value(0)
    heads, head_dim = (attention.get_input_partial_shape(1)[axis].get_length() for axis in (1, 3))
    require(len(rows.get_partial_shape()) == len(merged.get_output_partial_shape(0)) == 3, "decoder", "rows of states")
    windows = ops.gather(ops.shape_of(attention.input_value(1)), [0], 0)
    per_window = ops.concat([windows, ops.constant(np.array([-1, heads, head_dim], np.int64))], 0)
    queries.input(0).replace_source_output(ops.reshape(rows, per_window, special_zero=False).output(0))
    flat = ops.reshape(back, ops.shape_of(rows), special_zero=False)
    replace(merged, flat.output(0))


def _one(users: list[ov.Node], what: str) -> list[ov.Node]:
    require(len(users) == 1, "decoder", what)
    return users
