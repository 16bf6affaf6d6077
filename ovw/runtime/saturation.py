"""Products of 8 bits on processors that add them in 16 bits.

Without VNNI (AVX2, and the first AVX512), OpenVINO multiplies activations by weights of 8 bits with an instruction that
adds pairs of products in 16 bits and cuts off what does not fit; two products of 255 and 127 are twice what fits.
There, what a graph quantises is computed in f32, by the definition of `FakeQuantize`: the numbers that the artifact has
on every other processor, at the speed of that instruction.
"""

from __future__ import annotations

import numpy as np
import openvino as ov
import openvino.opset15 as ops
from numpy.typing import NDArray

from ovw.runtime.graph_walk import is_constant, replace

SAFE = "fits_16_bits"
"""Beginning of the name of a `FakeQuantize` whose products fit, since their other side has 7 bits."""
LARGEST = 127
_INPUTS, _OUTPUTS = 64, 16


def saturation_probe() -> tuple[ov.Model, NDArray[np.float32], float]:
    """A product of the largest activations and weights, its input, and every element of its true result."""
    given = ops.parameter([1, _INPUTS], ov.Type.f32)
    zero, one = np.float32(0), np.float32(1)
    activations = ops.fake_quantize(given, zero, one, zero, one, 256)
    stored = ops.convert(ops.constant(np.full((_OUTPUTS, _INPUTS), LARGEST, np.int8)), ov.Type.f32)
    weights = ops.multiply(stored, np.full((_OUTPUTS, 1), 1 / LARGEST, np.float32))
    product = ops.matmul(activations, weights, transpose_a=False, transpose_b=True)
    return ov.Model([ops.result(product)], [given], "saturation"), np.ones((1, _INPUTS), np.float32), float(_INPUTS)


def quantizers(model: ov.Model) -> list[ov.Node]:
    """The operations that quantise activations for products which may not fit 16 bits."""
    found = (op for op in model.get_ops() if op.get_type_name() == "FakeQuantize")
    return [op for op in found if not op.get_friendly_name().startswith(SAFE) and not is_constant(op.input_value(0))]


def compute_in_f32(quantizer: ov.Node) -> None:
    """Put arithmetic in f32 with the same results in the place of a `FakeQuantize`."""
    value, low, high, low_out, high_out = quantizer.input_values()
    steps = np.float32(quantizer.get_attributes()["levels"] - 1)
    inside = ops.subtract(ops.minimum(ops.maximum(value, low), high), low)
    level = ops.round(ops.multiply(inside, ops.divide(steps, ops.subtract(high, low))), mode="half_to_even")
    step = ops.divide(ops.subtract(high_out, low_out), steps)
    replace(quantizer, ops.add(ops.multiply(level, step), low_out).output(0))
