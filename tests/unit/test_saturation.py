"""Products of 8 bits, on processors that cut off their sums too."""

import numpy as np
import openvino as ov
import openvino.opset15 as ops
import pytest

from ovw.runtime import device
from ovw.runtime.device import DeviceOptions, compile_model, core
from ovw.runtime.saturation import SAFE, compute_in_f32, quantizers, saturation_probe

F32 = {"INFERENCE_PRECISION_HINT": "f32"}


def quantized(low: float, high: float, levels: int = 256) -> tuple[ov.Model, ov.Node]:
    given = ops.parameter([-1], ov.Type.f32)
    ends = np.float32(low), np.float32(high)
    node = ops.fake_quantize(given, *ends, *ends, levels)
    return ov.Model([ops.result(node)], [given], "m"), node


def primitives(compiled: ov.CompiledModel) -> set[str]:
    return {op.get_rt_info()["primitiveType"].astype(str) for op in compiled.get_runtime_model().get_ops()}


@pytest.mark.parametrize(("low", "high", "levels"), [(-1.5, 2.0, 256), (0.0, 3.0, 256), (-1.0, 1.0, 128)])
def test_arithmetic_in_the_place_of_a_quantizer_gives_the_same(low: float, high: float, levels: int) -> None:
    values = np.random.default_rng(0).standard_normal(4000).astype(np.float32) * 2
    model, _ = quantized(low, high, levels)
    expected = core().compile_model(model, "CPU", F32)(values)[0]
    (quantizer,) = quantizers(model)
    compute_in_f32(quantizer)
    assert not quantizers(model)
    found = core().compile_model(model, "CPU", F32)(values)[0]
    step = (high - low) / (levels - 1)
    assert np.abs(found - values.clip(low, high)).max() <= step * 0.5001
    assert (np.abs(found - expected) < step * 1e-3).mean() > 0.999  # a tie may be rounded the other way


def test_quantized_weights_and_products_that_fit_are_left_alone() -> None:
    model, node = quantized(-1, 1)
    node.set_friendly_name(f"{SAFE}.1")
    assert not quantizers(model)
    ends = np.float32(-1), np.float32(1)
    weights = ops.fake_quantize(np.ones(3, np.float32), *ends, *ends, 255)
    assert not quantizers(ov.Model([ops.result(weights)], [], "m"))


@pytest.mark.parametrize("cut_off", [None, True], ids=["this processor", "one without VNNI"])
def test_the_largest_sums_are_exact(cut_off: bool | None, monkeypatch: pytest.MonkeyPatch) -> None:
    model, given, expected = saturation_probe()
    if cut_off is not None:
        monkeypatch.setattr(device, "saturates", lambda: cut_off)
    compiled = compile_model(model, DeviceOptions())
    assert compiled(given)[0] == pytest.approx(expected, rel=0.01)
    assert not cut_off or not any(name.lower().endswith("i8") for name in primitives(compiled) if "jit" in name)


def test_a_processor_that_cuts_off_is_recognised(monkeypatch: pytest.MonkeyPatch) -> None:
    """By what it computes: half of the true sum is what pairs in 16 bits come to."""
    model, given, expected = saturation_probe()
    cut = ov.Model([ops.result(ops.multiply(model.output(0).get_node().input_value(0), np.float32(0.506)))],
                   model.get_parameters(), "cut")  # fmt: skip
    monkeypatch.setattr(device, "saturation_probe", lambda: (cut, given, expected))
    device.saturates.cache_clear()
    try:
        assert device.saturates()
    finally:
        device.saturates.cache_clear()
