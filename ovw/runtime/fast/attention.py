"""Attention over the audio in int8, with scales taken from the values of each window: nothing has to be calibrated.

Keys and values are written once and read at every token, for all rows of a batch: four times fewer bytes than in f32.
The CPU plugin multiplies int8 by int8 where it sees fixed scales; the ones that depend on the audio and the token are
applied before and behind. Keys and values have a scale for each channel of each head, as in KIVI's keys (Liu et al.,
2024), queries one for each row. Softmax is not divided by its sum before but behind the product with the values, so
that its largest weight uses all of its 8 bits (the order of FlashAttention: Dao et al., 2022).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import openvino as ov
import openvino.opset15 as ops

from ovw.runtime.saturation import SAFE

LIMIT = 63
"""The largest stored value: with 7 bits, sums of products are exact on processors without VNNI too, see
`ovw.runtime.saturation`."""
SMALLEST = 1e-6
"""A scale of zeros."""
LOWEST = -128 / 127
"""The lowest of 256 levels around zero, in units of the largest; it is not used."""
POSITIONS_AXIS, LAST_AXIS = 2, 3


def quantize(values: ov.Output) -> tuple[ov.Output, ov.Output]:
    """Keys or values f32 [A, heads, S, head_dim] -> int8 of the same shape, and the scale f32 [A, heads, 1, head_dim].

    `dequantize` of the first times the second are the values again.
    """
    scale = _largest(values, POSITIONS_AXIS)
    rounded = _rounded(ops.divide(values, scale), (-(LIMIT + 1) / LIMIT, 1), (-LIMIT - 1, LIMIT), 2 * LIMIT + 2)
    return ops.convert(rounded, ov.Type.i8).output(0), scale.output(0)


def dequantize(cache: ov.Node) -> ov.Node:
    """int8 to f32 in [-1, 1]."""
    return ops.multiply(ops.convert(cache, ov.Type.f32), np.float32(1 / LIMIT))


def attend(attention: ov.Node, keys: Sequence[ov.Node], values: Sequence[ov.Node]) -> ov.Output:
    """Attention over int8 keys and values, with the result of one over f32.

    Args:
        attention: a `ScaledDotProductAttention` with a bias and a scale; of A windows, queries [A, heads, n, head_dim].
        keys: what `quantize` gave.
        values: what `quantize` gave.

    Returns:
        f32 [A, heads, n, head_dim].
    """
    queries, _, _, bias, factor = attention.input_values()
    asked = ops.multiply(ops.multiply(queries, factor), keys[1])
    scale = _largest(asked.output(0), LAST_AXIS)
    asked = _eight_bits(ops.divide(asked, scale), LOWEST)
    scores = ops.multiply(ops.matmul(asked, dequantize(keys[0]), transpose_a=False, transpose_b=True), scale)
    scores = ops.add(scores, bias)
    weights = ops.exp(ops.subtract(scores, ops.reduce_max(scores, [LAST_AXIS], keep_dims=True)))
    found = ops.matmul(_eight_bits(weights, 0), dequantize(values[0]), transpose_a=False, transpose_b=False)
    mean = ops.divide(found, ops.reduce_sum(weights, [LAST_AXIS], keep_dims=True))
    return ops.multiply(mean, values[1]).output(0)


def _largest(values: ov.Output, axis: int) -> ov.Node:
    high, low = (reduce(values, [axis], keep_dims=True) for reduce in (ops.reduce_max, ops.reduce_min))
    return ops.maximum(ops.maximum(high, ops.negative(low)), np.float32(SMALLEST))


def _eight_bits(values: ov.Node, lowest: float) -> ov.Node:
    """Rounded to one of 256 values from the lowest to 1, which the plugin keeps as int8 or, from 0 on, as uint8."""
    return _rounded(values, (lowest, 1), (lowest, 1), 256)


def _rounded(values: ov.Node, ends: tuple[float, float], result: tuple[float, float], levels: int) -> ov.Node:
    """Rounded to levels of a range, which become those of the result; the plugin has no faster way to round."""
    limits = (np.float32(limit) for limit in (*ends, *result))
    rounded = ops.fake_quantize(values, *limits, levels)
    rounded.set_friendly_name(f"{SAFE}.{rounded.get_friendly_name()}")
    return rounded
