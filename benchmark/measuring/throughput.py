"""Windows a second with as many requests at the same time as the device wants."""

from __future__ import annotations

import time

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from ovw.benchmark.case import Timing

REQUESTS = "OPTIMAL_NUMBER_OF_INFER_REQUESTS"


def windows_per_second(
    compiled: ov.CompiledModel, mel: NDArray[np.float32], timing: Timing, limit: float
) -> list[float]:
    """Rates, each over a few windows of every request.

    Args:
        compiled: the encoder.
        mel: [batch, n_mels, frames], fed again and again.
        timing: how many rates to take, for how long.
        limit: seconds after which it ends in any case.
    """
    queue = ov.AsyncInferQueue(compiled, int(compiled.get_property(REQUESTS)))
    many = 2 * len(queue)
    rates: list[float] = []
    begun = time.perf_counter()
    _serve(queue, mel, many)
    started = time.perf_counter()
    while not rates or (len(rates) < timing.iterations or time.perf_counter() - started < timing.seconds):
        if rates and time.perf_counter() - begun >= limit:
            break
        at = time.perf_counter()
        _serve(queue, mel, many)
        rates.append(many * len(mel) / (time.perf_counter() - at))
    return rates


def _serve(queue: ov.AsyncInferQueue, mel: NDArray[np.float32], count: int) -> None:
    for _ in range(count):
        queue.start_async({0: mel}, share_inputs=True)
    queue.wait_all()
