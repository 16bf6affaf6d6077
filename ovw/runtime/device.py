"""Where and how a graph runs: device, threads and arithmetic precision."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from functools import cache
from pathlib import Path

import numpy as np
import openvino as ov
from pydantic import Field

from ovw.cgroups import limited_cores
from ovw.choices import FloatType, Hint
from ovw.config import Config
from ovw.errors import OvwError, UsageError
from ovw.runtime.saturation import compute_in_f32, quantizers, saturation_probe
from ovw.runtime.weight_scales import split_scales

PRECISION = "INFERENCE_PRECISION_HINT"

OPENVINO_GROUP = 32
QUANTIZED_TOGETHER = 128
"""Activations that share a scale when they are multiplied by weights of 8 bits: with OpenVINO's own 32 a token takes a
tenth longer; no text is less likely with 128 (base, 267 clips: 0.0002 +- 0.0006 nats a token), with 512 it is."""


class DeviceOptions(Config):
    """Device, arithmetic and threads of OpenVINO."""

    device: str = "CPU"
    """An OpenVINO device; see `openvino.Core().available_devices`."""
    precision: FloatType | None = None
    """Arithmetic of matrix products; by default the device's own choice (bf16 where the CPU has it)."""
    threads: int = Field(default=0, ge=0)
    """Inference threads; 0 for all cores that the control groups leave."""
    hint: Hint = "latency"
    """One request as soon as possible, or as many as possible at the same time."""
    streams: int = Field(default=0, ge=0)
    """Requests that run at the same time; 0 leaves it to the hint."""
    profile: bool = False
    """Time every layer."""
    grouped_scales: bool = Field(default=True, exclude=True)
    """The approximation of that name, see `ovw.runtime.approximations`."""

    def properties(self) -> dict[str, object]:
        """OpenVINO properties.

        A named precision holds for the KV cache too, which otherwise may be 8 bit; f32, for activations too.
        """
        chosen: dict[str, object] = {"PERFORMANCE_HINT": self.hint.upper()}
        if self.device == "CPU":
            chosen["DYNAMIC_QUANTIZATION_GROUP_SIZE"] = self._activation_group
        if self.precision:
            chosen |= {PRECISION: self.precision, "KV_CACHE_PRECISION": self.precision}
        if threads := self.threads or limited_cores():  # OpenVINO itself does not look at quotas
            chosen["INFERENCE_NUM_THREADS"] = threads
            if self.device == "CPU":  # pinned, the threads of several processes would share the first cores
                chosen["ENABLE_CPU_PINNING"] = False
        if self.streams:
            chosen["NUM_STREAMS"] = self.streams
        if self.profile:
            chosen["PERF_COUNT"] = True
        return chosen

    @property
    def in_f32(self) -> bool:
        """Whether f32 is asked for, and so nothing that is not f32 may be computed."""
        return self.precision == "f32"

    @property
    def _activation_group(self) -> int:
        """Activations that share a scale; 0 where none are quantised."""
        if self.in_f32:
            return 0
        return QUANTIZED_TOGETHER if self.grouped_scales else OPENVINO_GROUP


_compiled_in: list[int] = []
"""The process that compiled graphs."""
EXACT = DeviceOptions(precision="f32")
"""f32 throughout: parity, self-test and `--exact`."""


def _find_arrays() -> None:
    """Have OpenVINO's Python package find NumPy, while there is one thread.

    It does so at the first array, behind a lock that it holds while it imports. Two threads that come there at once can
    each wait for ever, one for that lock and one for the interpreter's: seen at every third start on one core.
    """
    ov.op.Constant(np.zeros(1, np.float32)).get_data()


_find_arrays()


@cache
def core() -> ov.Core:
    """The one OpenVINO runtime of this process; graphs are compiled by `compiling_core`."""
    return ov.Core()


def compiling_core() -> ov.Core:
    """The runtime, to compile or import a graph: from here on it has threads; raises as `require_own_process`."""
    require_own_process()
    if not _compiled_in:
        _compiled_in.append(os.getpid())
    return core()


def require_own_process() -> None:
    """Refuse a fork of a process that compiled or imported a graph: without its threads, inference waits for ever.

    Forks of a process that listed devices or read graphs are fine.

    Raises:
        OvwError: this process is one.
    """
    if _compiled_in and os.getpid() not in _compiled_in:
        raise OvwError("this process was forked after OpenVINO had started", "use multiprocessing's spawn")


@cache
def devices() -> tuple[str, ...]:
    """The devices of this machine.

    They are listed once: each time, OpenVINO loads the libraries of devices that are not here and gives them up again,
    which is not safe while another thread starts threads of its own.
    """
    return tuple(core().available_devices)


def compile_ir(xml: Path, options: DeviceOptions) -> ov.CompiledModel:
    """Read an IR and compile it.

    Raises:
        UsageError: the device does not exist here.
    """
    return compile_model(core().read_model(xml), options)


def compile_model(model: ov.Model, options: DeviceOptions) -> ov.CompiledModel:
    """Compile a graph, made to come to the same numbers on every processor.

    Weights of 8 bits get scales that every kernel unpacks alike, and products of 8 bits that would not be exact here
    are computed in f32.

    Raises:
        UsageError: the device does not exist here.
    """
    require_device(options)
    if options.device == "CPU" and (found := quantizers(model)) and saturates():
        for quantizer in found:
            compute_in_f32(quantizer)
        model.validate_nodes_and_infer_types()
    split_scales(model)
    return compiling_core().compile_model(model, options.device, options.properties())


@cache
def saturates() -> bool:
    """Whether this processor cuts off sums of 8-bit products, see `ovw.runtime.saturation`: one is computed."""
    model, given, expected = saturation_probe()
    (found,) = compiling_core().compile_model(model, "CPU", {PRECISION: "f32"})([given]).values()
    return bool(np.abs(found - expected).max() > 0.01 * expected)


def require_device(options: DeviceOptions) -> None:
    """Refuse a device that this machine does not have; raises as `compile_model`."""
    if options.device.split(":")[0].split(".")[0] not in {*devices(), "AUTO", "HETERO", "MULTI"}:
        raise UsageError(f"no device '{options.device}'", f"this machine has {', '.join(devices())}")


def hardware(options: DeviceOptions) -> list[tuple[str, str, str]]:
    """(device, full name, capabilities) of each device that a graph may run on."""
    every = options.device.startswith("AUTO")
    chosen = [name for name in devices() if every or name.split(".")[0] in options.device]
    full_name, can = "FULL_DEVICE_NAME", "OPTIMIZATION_CAPABILITIES"
    read = core().get_property
    return [(name, str(read(name, full_name)), str(read(name, can))) for name in chosen]


@cache
def instruction_sets() -> str:
    """Those of the processor that may be used, as the system lists them.

    Virtual machines give different processors one name.
    """
    own = platform.processor()
    with suppress(OSError), Path("/proc/cpuinfo").open(encoding="utf-8", errors="replace") as lines:
        own = next((line for line in lines if line.lower().startswith(("flags", "features"))), own)
    return f"{own.strip()} {os.environ.get('OV_CPU_MAX_ISA', '')}"


def cpu_name() -> str:
    """The processor, as OpenVINO names it."""
    return str(core().get_property("CPU", "FULL_DEVICE_NAME"))


def capabilities() -> list[str]:
    """The arithmetic of the processor, as OpenVINO names it, such as `BF16`; `OV_CPU_MAX_ISA` limits it."""
    return [str(name) for name in core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")]


def inference_precision(model: ov.CompiledModel) -> str:
    """The arithmetic a compiled model really uses, such as `bf16`; several devices' are joined, such as `f16+f32`.

    `AUTO`, `HETERO` and `MULTI` have none of their own: theirs is that of the devices they run on.
    """
    if PRECISION in model.get_property("SUPPORTED_PROPERTIES"):
        return str(model.get_property(PRECISION).get_type_name())
    devices = model.get_property("DEVICE_PROPERTIES")
    known = {str(of[PRECISION].get_type_name()) for of in devices.values() if PRECISION in of}
    return "+".join(sorted(known)) or "unknown"


def running_properties(model: ov.CompiledModel) -> dict[str, int]:
    """The streams, threads and requests at once of a compiled model, as far as its device has them."""
    names = {
        "streams": "NUM_STREAMS",
        "threads": "INFERENCE_NUM_THREADS",
        "requests": "OPTIMAL_NUMBER_OF_INFER_REQUESTS",
    }
    known = model.get_property("SUPPORTED_PROPERTIES")
    return {key: int(model.get_property(name)) for key, name in names.items() if name in known}
