"""Weights of 8 bits that every kernel unpacks to the same numbers.

On CPUs with AMX the CPU plugin (seen in OpenVINO 2026.4) multiplies up to four rows with weights unpacked to f32, and
five or more with weights unpacked to bf16. A weight `(q - zero_point) * scale` is rounded there, so the fifth beam
changes what is computed for the first. With a power of two for a scale the product has at most 8 significant bits and
is a bf16 number: all kernels compute the same, and the larger batch is no less exact. The rest of the scale, which is
the same for all weights of an output channel, multiplies the result.
"""

from __future__ import annotations

import numpy as np
import openvino as ov
import openvino.opset15 as ops
from numpy.typing import NDArray

STORED = (ov.Type.u8, ov.Type.i8)


def split_scales(model: ov.Model) -> bool:
    """Give weights of 8 bits in matrix products scales that are powers of two, in place; whether any had others.

    Products whose activations are quantised in the graph stay as they are: these are computed in int8.
    """
    split = [node for node in model.get_ops() if node.get_type_name() == "MatMul" and _split(node)]
    if split:
        model.validate_nodes_and_infer_types()
    return bool(split)


def _split(product: ov.Node) -> bool:
    if product.get_attributes()["transpose_b"] is not True or _is_quantized(product.input_value(0)):
        return False
    scaled = _behind_convert(product.input_value(1))
    if scaled.get_type_name() != "Multiply" or not _is_stored(scaled.input_value(0)):
        return False
    constant = _behind_convert(scaled.input_value(1))
    if constant.get_type_name() != "Constant" or list(constant.get_output_shape(0))[1:] != [1]:
        return False
    powers, rest = _powers_of_two(constant.get_data().astype(np.float32))
    if (rest == 1).all():
        return False
    kind = scaled.get_output_element_type(0)
    numbers = np.float16 if kind == ov.Type.f16 else np.float32
    weights = ops.multiply(scaled.input_value(0), ops.constant(powers.astype(numbers)))
    if kind != product.get_input_element_type(1):
        weights = ops.convert(weights, product.get_input_element_type(1))
    uses = product.output(0).get_target_inputs()
    result = ops.multiply(product, _as_row(rest.astype(numbers), product.get_output_element_type(0)))
    result.output(0).set_names(product.output(0).get_names())
    product.output(0).set_names(set())
    product.input(1).replace_source_output(weights.output(0))
    for use in uses:
        use.replace_source_output(result.output(0))
    return True


def _powers_of_two(scales: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Scales [n, 1] as powers of two and what is left, in [1, 2); a scale of 0 stays 0."""
    fractions, exponents = np.frexp(scales)
    powers = np.ldexp(np.where(scales == 0, scales, np.float32(1)), exponents - 1)
    return powers, np.where(scales == 0, np.float32(1), 2 * fractions)


def _as_row(rest: NDArray[np.floating], kind: ov.Type) -> ov.Output:
    row = ops.constant(rest.reshape(1, 1, -1))
    return row.output(0) if row.get_element_type() == kind else ops.convert(row, kind).output(0)


def _is_stored(value: ov.Output) -> bool:
    """Whether a value is 8-bit integers, their zero point taken off or not."""
    node = value.get_node()
    if node.get_type_name() == "Subtract":
        node = node.input_value(0).get_node()
    return bool(node.get_type_name() == "Convert" and node.get_input_element_type(0) in STORED)


def _is_quantized(value: ov.Output) -> bool:
    return bool(value.get_node().get_type_name() == "FakeQuantize")


def _behind_convert(value: ov.Output) -> ov.Node:
    node = value.get_node()
    return node.input_value(0).get_node() if node.get_type_name() == "Convert" else node
