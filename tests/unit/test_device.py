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
