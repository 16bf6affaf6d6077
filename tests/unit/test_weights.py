"""Scales of 8-bit weights that are split."""

import numpy as np
import openvino as ov
import openvino.opset15 as ops
import pytest

from ovw.runtime.weight_scales import split_scales

INPUTS, OUTPUTS = 512, 96
RANDOM = np.random.default_rng(0)
STORED = RANDOM.integers(0, 256, (OUTPUTS, INPUTS), np.uint8)
SCALES = RANDOM.uniform(2e-4, 5e-3, (OUTPUTS, 1)).astype(np.float16)
ROWS = RANDOM.standard_normal((16, 1, INPUTS)).astype(np.float32)


def product(*, quantized: bool = False, scales: np.ndarray = SCALES) -> ov.Model:
    """f32 [B, n, inputs] -> f32 [B, n, outputs], as NNCF compresses a product; the table is looked up too."""
    x = ops.parameter([-1, -1, INPUTS], np.float32)
    shifted = ops.subtract(
        ops.convert(ops.constant(STORED), "f16"), ops.constant(np.full((OUTPUTS, 1), 128, np.float16))
    )
    weights = ops.convert(ops.multiply(shifted, ops.constant(scales)), "f32")
    data = ops.fake_quantize(x, -4.0, 4.0, -4.0, 4.0, 256) if quantized else x
    found = ops.matmul(data, weights, transpose_a=False, transpose_b=True)
    return ov.Model([ops.result(found), ops.result(ops.gather(weights, np.array([3]), np.int64(0)))], [x])


def computed(model: ov.Model, rows: np.ndarray, precision: str) -> list[np.ndarray]:
    options = {"INFERENCE_PRECISION_HINT": precision, "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0}
    return [value.copy() for value in ov.Core().compile_model(model, "CPU", options)([rows]).values()]


def test_results_are_the_same_in_f32() -> None:
    model = product()
    assert split_scales(model)
    for found, expected in zip(computed(model, ROWS, "f32"), computed(product(), ROWS, "f32"), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_weights_are_exact_in_bf16() -> None:
    model = product()
    split_scales(model)
    (found,) = (op for op in model.get_ops() if op.get_type_name() == "MatMul")
    multiplied = found.input_value(1).get_node().input_value(0).get_node()
    powers = multiplied.input_value(1).get_node().get_data().astype(np.float32)
    weights = (STORED.astype(np.float32) - 128) * powers
    assert np.all(weights.view(np.uint32) & 0xFFFF == 0)  # the lower half of the significand
    assert np.all((SCALES.astype(np.float32) / powers >= 1) & (SCALES.astype(np.float32) / powers < 2))


@pytest.mark.skipif("BF16" not in ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"), reason="no bf16 here")
def test_a_batch_computes_what_a_row_alone_does() -> None:
    model = product()
    split_scales(model)
    alone = computed(model, ROWS[:1], "bf16")[0]
    assert np.linalg.norm(computed(model, ROWS, "bf16")[0][:1] - alone) <= 1e-4 * np.linalg.norm(alone)


def test_what_is_split_or_a_power_of_two_or_quantized_stays() -> None:
    model = product()
    assert split_scales(model)
    assert not split_scales(model)
    assert not split_scales(product(quantized=True))
    assert not split_scales(product(scales=np.full_like(SCALES, 2**-9)))


def test_a_channel_of_zeros() -> None:
    scales = SCALES.copy()
    scales[5] = 0
    model = product(scales=scales)
    assert split_scales(model)
    found = computed(model, ROWS, "f32")[0]
    assert np.all(found[..., 5] == 0)
    assert np.isfinite(found).all()
