"""The work of a graph for given shapes, from the IR itself: operations of its matrix products, bytes that must move."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

import openvino as ov
from openvino import opset13 as ops

from ovw.artifact import names
from ovw.artifact.ir_names import is_cross
from ovw.artifact.port_names import BEAM_IDX, ENCODER_HIDDEN_STATES, INPUT_IDS
from ovw.models import Dims
from ovw.runtime.device import core
from ovw.runtime.fast.adapt import name_states
from ovw.runtime.graph_walk import UnknownGraphError, ancestors
from ovw.runtime.with_past import read_decoder_ir

FLOAT_BYTES = {"f32": 4, "bf16": 2, "f16": 2}
PASSING = ("Convert", "Multiply", "Subtract", "Reshape", "Transpose", "Unsqueeze", "Squeeze", "FakeQuantize")
"""Operations between a stored weight and its product."""


@dataclass
class Work:
    """Operations and bytes that any implementation needs.

    Attributes:
        flops: a multiplication and an addition count as two; by arithmetic, `int8` or `float`.
        bytes: weights as they are computed with, caches, inputs and outputs, each once.
    """

    flops: dict[str, float] = field(default_factory=lambda: {"float": 0.0, "int8": 0.0})
    bytes: float = 0.0

    def to_json(self) -> dict[str, float]:
        return {**self.flops, "bytes": self.bytes}


def encoder_work(xml: Path, mel_shape: list[int], precision: str) -> Work:
    """One call of an encoder.

    Args:
        xml: its IR.
        mel_shape: [batch, n_mels, frames].
        precision: the arithmetic it runs in, such as `bf16`.
    """
    model = core().read_model(xml)
    model.reshape({0: mel_shape})
    return count(model, FLOAT_BYTES.get(precision, 4))


def decoder_work(
    xml: Path, dims: Dims, rows: int, tokens: int, cached: int, hidden_shape: list[int], precision: str
) -> Work:
    """One call of a stateful decoder.

    Args:
        xml: its IR, of the genai layout.
        dims: of the model.
        rows: hypotheses.
        tokens: fed to each.
        cached: tokens before; 0 is the first call, which projects the audio for the cross-attention.
        hidden_shape: [batch, positions, state].
        precision: the arithmetic it runs in.
    """
    model = read_decoder_ir(xml.parent)
    with suppress(UnknownGraphError):  # of another program, whose states have other names
        name_states(model)
    model = _without_state(model, dims, rows, cached, hidden_shape)
    shapes: dict[str, list[int]] = {
        INPUT_IDS: [rows, tokens], BEAM_IDX: [rows], ENCODER_HIDDEN_STATES: hidden_shape,
    }  # fmt: skip
    known = {port.any_name for port in model.inputs if port.names}
    model.reshape({name: shape for name, shape in shapes.items() if name in known})
    return count(model, FLOAT_BYTES.get(precision, 4))


def count(model: ov.Model, float_bytes: int) -> Work:
    """Add up a graph with static shapes.

    Args:
        model: the graph.
        float_bytes: of a number in the arithmetic it runs in.
    """
    work, weights = Work(), {}
    for node in model.get_ordered_ops():
        kind = node.get_type_name()
        if kind not in COUNTED:
            continue
        arithmetic = "int8" if kind != "ScaledDotProductAttention" and _is_quantized(node) else "float"
        work.flops[arithmetic] += COUNTED[kind](node)
        for stored in filter(None, (_stored(value) for value in node.input_values()[:2])):
            weights[stored.get_friendly_name()] = _stored_bytes(stored, float_bytes)
    moved = [_tensor_bytes(port, float_bytes) for port in (*model.inputs, *model.outputs)]
    work.bytes = float(sum(weights.values()) + sum(moved))
    return work


def _matmul(node: ov.Node) -> float:
    shape = node.input(0).get_shape()
    inner = shape[-2] if node.get_attributes()["transpose_a"] else shape[-1]
    return float(2 * prod(node.output(0).get_shape()) * inner)


def _convolution(node: ov.Node) -> float:
    return float(2 * prod(node.output(0).get_shape()) * prod(node.input(1).get_shape()[1:]))


def _attention(node: ov.Node) -> float:
    query, key = node.input(0).get_shape(), node.input(1).get_shape()
    value = node.input(2).get_shape()
    return float(2 * prod(query[:-1]) * key[-2] * (query[-1] + value[-1]))


COUNTED = {"MatMul": _matmul, "Convolution": _convolution, "ScaledDotProductAttention": _attention}


def _sources(value: ov.Output) -> Iterator[ov.Node]:
    """The nodes that a value is made of, back to where something is computed."""
    node = value.get_node()
    yield node
    if node.get_type_name() in PASSING:
        for source in node.input_values():
            yield from _sources(source)


def _stored(value: ov.Output) -> ov.Node | None:
    """The largest constant that a value is, `None` if it is computed from data."""
    found = list(_sources(value))
    if any(node.get_type_name() not in (*PASSING, "Constant") for node in found):
        return None
    return max((n for n in found if n.get_type_name() == "Constant"), key=lambda n: prod(n.output(0).get_shape()))


def _is_quantized(node: ov.Node) -> bool:
    """Whether the activations of a product are quantised: with weights of 8 bits alone, those are expanded first."""
    data = [source.get_type_name() for source in _sources(node.input_value(0))]
    return "FakeQuantize" in data


def _stored_bytes(constant: ov.Node, float_bytes: int) -> float:
    bits = constant.get_element_type().bitwidth
    size = prod(constant.output(0).get_shape())
    return float(size * bits / 8 if bits <= 8 else size * float_bytes)


def _tensor_bytes(port: Any, float_bytes: int) -> int:
    width = float_bytes if port.get_element_type().is_real() else port.get_element_type().size
    return int(prod(port.get_shape()) * width)


def _without_state(model: ov.Model, dims: Dims, rows: int, cached: int, hidden_shape: list[int]) -> ov.Model:
    """The graph of one call: states as inputs of the size they have then, so that every shape is known."""
    batch, positions, _ = hidden_shape
    heads, width = dims.n_text_head, dims.n_text_state // dims.n_text_head
    added = []
    for node in [op for op in model.get_ops() if op.get_type_name() == "ReadValue"]:
        crosses = is_cross(node.get_variable_id())
        if crosses and not cached:
            source = node.input_value(0)
        else:
            shape = [batch, heads, positions, width] if crosses else [rows, heads, cached, width]
            state = ops.parameter(shape, node.get_element_type())
            added.append(state)
            source = state.output(0)
        for target in node.output(0).get_target_inputs():
            if target.get_node().get_type_name() != "Assign":
                target.replace_source_output(source)
    results = list(model.get_results())
    reached = {node.get_name() for result in results for node in ancestors(result.input_value(0))}
    return ov.Model(results, [p for p in (*model.get_parameters(), *added) if p.get_name() in reached])


def graph_files(folder: Path) -> tuple[Path, Path]:
    """Encoder and decoder IR of the genai layout."""
    return folder / f"{names.ENCODER}.xml", folder / f"{names.DECODER}.xml"
