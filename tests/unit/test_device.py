"""How device options reach OpenVINO."""

from ovw.runtime.device import DeviceOptions


def test_a_share_of_the_machine_is_not_pinned() -> None:
    """Two processes of one pinned thread each would share the first core."""
    assert DeviceOptions(threads=1).properties()["ENABLE_CPU_PINNING"] is False
    assert "ENABLE_CPU_PINNING" not in DeviceOptions().properties()
    assert "ENABLE_CPU_PINNING" not in DeviceOptions(device="GPU", threads=1).properties()


def test_a_named_precision_holds_for_the_cache_too() -> None:
    found = DeviceOptions(precision="f32").properties()
    assert found["INFERENCE_PRECISION_HINT"] == found["KV_CACHE_PRECISION"] == "f32"


def test_f32_is_f32_for_activations_too() -> None:
    """OpenVINO quantises them where weights are of 8 bits."""
    group = "DYNAMIC_QUANTIZATION_GROUP_SIZE"
    assert DeviceOptions(precision="f32").properties()[group] == 0
    assert DeviceOptions().properties()[group] == DeviceOptions(precision="bf16").properties()[group] == 128
    assert group not in DeviceOptions(device="GPU").properties()
