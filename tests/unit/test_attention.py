"""Attention over the audio in int8."""

import platform

import numpy as np
import openvino as ov
import openvino.opset15 as ops
import pytest

from ovw.artifact.ir_names import MASKED_SCORE
from ovw.runtime.device import core
from ovw.runtime.fast.attention import LIMIT, attend, dequantize, quantize

WINDOWS, HEADS, HEAD_DIM = 2, 3, 64


def parameter(shape: list[int], dtype: ov.Type = ov.Type.f32) -> ov.Node:
    return ops.parameter(ov.PartialShape(shape), dtype)


def run(results: list[ov.Output], inputs: list[ov.Node], values: list[np.ndarray]) -> list[np.ndarray]:
    model = ov.Model([ops.result(out) for out in results], inputs, "m")
    compiled = core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return [found.copy() for found in compiled(values).values()]


def quantized(values: np.ndarray) -> list[np.ndarray]:
    given = parameter([-1, HEADS, -1, HEAD_DIM])
    return run(list(quantize(given.output(0))), [given], [values])


def attended(
    queries: np.ndarray, keys: np.ndarray, values: np.ndarray, bias: np.ndarray
) -> tuple[np.ndarray, set[str]]:
    """What attention over int8 gives, and what its products ran in."""
    floats = [parameter([-1, HEADS, -1, HEAD_DIM]) for _ in range(3)]
    mask = parameter([-1, 1, 1, -1])
    node = ops.scaled_dot_product_attention(*floats, mask, np.float32(1 / 8), causal=False)
    caches = [(parameter([-1, HEADS, -1, HEAD_DIM], ov.Type.i8), parameter([-1, HEADS, 1, HEAD_DIM])) for _ in range(2)]
    inputs = [floats[0], mask, *caches[0], *caches[1]]
    model = ov.Model([ops.result(attend(node, *caches))], inputs, "m")
    compiled = core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    found = compiled([queries, bias, *quantized(keys), *quantized(values)])[0]
    info = [op.get_rt_info() for op in compiled.get_runtime_model().get_ops()]
    products = {one["primitiveType"].astype(str) for one in info if one["layerType"].astype(str) == "MatMul"}
    return found, products


def expected(queries: np.ndarray, keys: np.ndarray, values: np.ndarray, bias: np.ndarray) -> np.ndarray:
    scores = queries / 8 @ keys.swapaxes(2, 3) + bias
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True) @ values


def test_each_channel_has_its_scale() -> None:
    rng = np.random.default_rng(3)
    loud = np.geomspace(0.01, 100, HEAD_DIM)
    values = (rng.standard_normal((1, HEADS, 40, HEAD_DIM)) * loud).astype(np.float32)
    values[0, 0, :, 0] = 0
    cache, scale = quantized(values)
    assert cache.dtype == np.int8
    assert np.abs(cache).max() == LIMIT
    given = parameter([1, HEADS, -1, HEAD_DIM], ov.Type.i8)
    (share,) = run([dequantize(given).output(0)], [given], [cache])
    assert (np.abs(share * scale - values) <= scale / LIMIT * 0.5001).all()


@pytest.mark.parametrize("sharpness", [0.1, 1, 5], ids=["everywhere", "some", "one"])
def test_it_is_attention(sharpness: float) -> None:
    """Whether many positions are attended to or one; the scale of a row of queries is its own."""
    rng = np.random.default_rng(4)
    queries = rng.standard_normal((WINDOWS, HEADS, 5, HEAD_DIM)) * sharpness * np.array([0.1, 1, 2, 3, 4])[:, None]
    keys, values = rng.standard_normal((2, WINDOWS, HEADS, 300, HEAD_DIM))
    bias = rng.uniform(0, 4, (WINDOWS, 1, 1, 300))
    bias[0, ..., 200:] = MASKED_SCORE
    given = [one.astype(np.float32) for one in (queries, keys, values, bias)]
    found, products = attended(*given)
    wanted = expected(*given)
    assert products
    assert platform.machine() not in ("x86_64", "AMD64") or all(name.lower().endswith("i8") for name in products)
    assert np.abs(found - wanted).max() < 0.1 * np.abs(wanted).max()
    assert np.abs(found - wanted).mean() < 0.035 * np.abs(wanted).mean()


def test_sums_of_the_largest_products_are_exact() -> None:
    """Without VNNI pairs are added in 16 bits; keys, values and queries at their limit come next to that."""
    assert 2 * 255 * (LIMIT + 1) < 2**15
    largest = np.ones((WINDOWS, HEADS, 64, HEAD_DIM), np.float32)
    found, _ = attended(largest[:, :, :5], largest, largest, np.zeros((WINDOWS, 1, 1, 64), np.float32))
    assert np.abs(found - 1).max() < 0.01


def test_what_is_absent_is_not_heard() -> None:
    rng = np.random.default_rng(5)
    queries = rng.standard_normal((WINDOWS, HEADS, 1, HEAD_DIM)).astype(np.float32)
    keys, values = rng.standard_normal((2, WINDOWS, HEADS, 64, HEAD_DIM)).astype(np.float32)
    bias = np.zeros((WINDOWS, 1, 1, 64), np.float32)
    bias[..., 1:] = MASKED_SCORE
    found, _ = attended(queries, keys, values, bias)
    assert np.allclose(found, values[:, :, :1], atol=0.03)
