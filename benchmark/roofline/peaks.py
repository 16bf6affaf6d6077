"""Peaks of this machine, measured with OpenVINO itself: matrix products, and reading memory."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, get_args

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino import opset13 as ops

from ovw.benchmark.case import PeakJob
from ovw.choices import FloatType
from ovw.runtime.device import DeviceOptions, compile_model, inference_precision

SIZES = ((1536, 2048, 2048), (512, 1024, 1024))
"""Rows, inputs and outputs of the matrix products; the faster one is the peak."""
WORKING_SETS_MB = (4, 16, 64, 256)
"""Weights of matrix-vector products: what fits a cache is read faster than memory."""
SEED = 0


def measure_peaks(job: PeakJob) -> dict[str, Any]:
    """Peaks of the device with the threads of the job.

    Returns:
        `gflops` by arithmetic (`f32`, `bf16`, `f16`, `int8`), as far as the device has it, and `gbps`: pairs of a
        working set in MB and the rate in GB/s.
    """
    rates: dict[str, float] = {}
    for precision in get_args(FloatType):
        options = job.device.model_copy(update={"precision": precision})
        fastest = [_rate(_product(*size), options, job.seconds, precision) for size in SIZES]
        if found := [rate for rate in fastest if rate]:
            rates[precision] = max(found)
    products = [_rate(_quantized_product(*size), job.device, job.seconds) for size in SIZES]
    rates["int8"] = max(rate for rate in products if rate)
    return {"gflops": rates, "gbps": [list(pair) for pair in _bandwidths(job)]}


def _rate(model: ov.Model, options: DeviceOptions, seconds: float, precision: str | None = None) -> float | None:
    """GFLOPS of a product; `None` where the device computes in something else."""
    compiled = compile_model(model, options)
    if precision and inference_precision(compiled) != precision:
        return None
    rows, inner = map(int, model.input(0).get_shape())
    fed = np.random.default_rng(SEED).standard_normal((rows, inner), np.float32)
    operations = 2 * rows * inner * int(model.output(0).get_shape()[1])
    return operations / _fastest(compiled, fed, seconds) / 1e9


def _bandwidths(job: PeakJob) -> Iterator[tuple[int, float]]:
    options = job.device.model_copy(update={"precision": "f32"})
    inner = 2048
    for size in WORKING_SETS_MB:
        outer = size * 1_000_000 // 4 // inner
        compiled = compile_model(_product(1, inner, outer), options)
        fed = np.ones((1, inner), np.float32)
        yield size, 4 * inner * outer / _fastest(compiled, fed, job.seconds) / 1e9


def _fastest(compiled: ov.CompiledModel, fed: NDArray[np.float32], seconds: float) -> float:
    """The least seconds of a call: a peak is what was reached once."""
    request = compiled.create_infer_request()
    request.infer({0: fed}, share_inputs=True)
    least, begun = float("inf"), time.perf_counter()
    while time.perf_counter() - begun < seconds:
        started = time.perf_counter()
        request.infer({0: fed}, share_inputs=True)
        least = min(least, time.perf_counter() - started)
    return least


def _weights(inner: int, outer: int) -> NDArray[np.float32]:
    return np.resize(np.random.default_rng(SEED).standard_normal(100_003, np.float32), (outer, inner))


def _product(rows: int, inner: int, outer: int) -> ov.Model:
    data = ops.parameter([rows, inner], np.float32)
    return ov.Model([ops.matmul(data, ops.constant(_weights(inner, outer)), False, True)], [data])


def _quantized_product(rows: int, inner: int, outer: int) -> ov.Model:
    """Both sides in 8 bit, as a quantized model has them."""
    data = ops.parameter([rows, inner], np.float32)
    low, high = np.float32(-4), np.float32(4)
    quantized = ops.fake_quantize(data, low, high, low, high, 256)
    stored = ops.constant(np.clip(_weights(inner, outer) * 32, -127, 127).astype(np.int8))
    scale = ops.constant(np.full((outer, 1), 1 / 32, np.float32))
    weights = ops.multiply(ops.convert(stored, np.float32), scale)
    return ov.Model([ops.matmul(quantized, weights, False, True)], [data])
