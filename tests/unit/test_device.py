"""How device options reach OpenVINO."""

import subprocess
import sys

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


FIRST_ARRAYS = """
import os, sys, threading
import ovw.runtime.device
import openvino as ov
sys.setswitchinterval(1e-6)
constants = [ov.op.Constant(ov.Type.f32, ov.Shape([2]), [1.0, 2.0]) for _ in range(2)]
together = threading.Barrier(2)
def read(constant):
    together.wait()
    constant.get_data()
threads = [threading.Thread(target=read, args=(constant,)) for constant in constants]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
os._exit(0)
"""


def test_threads_do_not_wait_for_each_other_at_their_first_array() -> None:
    """Without arrays before there are threads, four of five of these wait for ever on two cores."""
    started = [subprocess.Popen([sys.executable, "-c", FIRST_ARRAYS]) for _ in range(3)]
    try:
        assert [process.wait(timeout=60) for process in started] == [0] * 3
    finally:
        for process in started:
            process.kill()
            process.wait()
