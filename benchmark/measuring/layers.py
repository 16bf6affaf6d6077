"""The time of every layer, from OpenVINO's own profiling."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np
import openvino as ov

from ovw.artifact.layouts import layout_row
from ovw.artifact.port_names import BEAM_IDX, ENCODER_HIDDEN_STATES, INPUT_IDS
from ovw.benchmark.case import LAYERS_OF, GraphJob
from ovw.benchmark.measuring.stages import Emit, GraphBench
from ovw.errors import OvwError
from ovw.record_tables import Row
from ovw.runtime.encoder import EncoderSession

RUNS = 10
"""Calls that are timed, after one that is not."""
Key = tuple[str, str, str]
Times = dict[Key, float]
"""Milliseconds by name, type and kernel."""


def profile_graphs(job: GraphJob, emit: Emit) -> None:
    """Time every layer of the encoders and of a decoder step; profiling itself costs some time.

    Args:
        job: the case; timed is one call of the encoder and one token after the prompt.
        emit: takes the rows of each graph, the slowest layer first, or the reason why there are none.
    """
    device = job.case.device.model_copy(update={"profile": True})
    case = job.case.model_copy(update={"device": device})
    bench = GraphBench(job.model_copy(update={"case": case}), lambda _: None)
    for stage, measure in _graphs(bench):
        try:
            emit({"layers": _rows(stage, measure(bench))})
        except OvwError as error:
            emit({"left_out": {f"{LAYERS_OF}{stage}": error.message}})


def _graphs(bench: GraphBench) -> Iterator[tuple[str, Callable[[GraphBench], Times]]]:
    if isinstance(bench.encoder, EncoderSession):
        yield "encoder", _encoder
    if bench.case.layout and layout_row(bench.case.layout).cache == "inside":
        yield "token", _token
    if bench.has_runner_graphs:
        yield "runner_encoder", _runner_encoder
        yield "runner_token", _runner_token


def profile(
    request: ov.InferRequest, call: Callable[[], object], first: Callable[[], object] | None = None, inferences: int = 1
) -> Times:
    """The layers of a call, the mean of a few; the CPU plugin's own mean is over everything that a graph ever did.

    Args:
        request: of a graph that did nothing yet.
        call: that is timed.
        first: comes before it, by default the call itself, and does not count.
        inferences: of either.
    """
    (first or call)()
    before = _means(request)
    for _ in range(RUNS):
        call()
    after = _means(request)
    return {key: max(0.0, inferences * (ms * (1 + RUNS) - before.get(key, 0.0)) / RUNS) for key, ms in after.items()}


def _means(request: ov.InferRequest) -> Times:
    found: Times = defaultdict(float)
    for node in request.get_profiling_info():
        if node.status == ov.ProfilingInfo.Status.EXECUTED:
            found[node.node_name, node.node_type, node.exec_type] += node.real_time.total_seconds() * 1000
    return found


def _encoder(bench: GraphBench) -> Times:
    request = bench.encoder.compiled.create_infer_request()  # type: ignore[attr-defined]
    return profile(request, lambda: request.infer({0: bench.mel}))


def _token(bench: GraphBench) -> Times:
    request = bench.decoder.compiled.create_infer_request()  # type: ignore[attr-defined]
    same = np.arange(len(bench.prompt), dtype=np.int32)
    feed = {ENCODER_HIDDEN_STATES: bench.hidden, BEAM_IDX: same}
    token = feed | {INPUT_IDS: bench.prompt[:, -1:].copy()}
    return profile(request, lambda: request.infer(token), lambda: request.infer(feed | {INPUT_IDS: bench.prompt}))


def _runner_encoder(bench: GraphBench) -> Times:
    """It infers once for each window."""
    runner = replace(bench.runner)  # sessions that did nothing yet
    call = partial(runner.encode, bench.windows)
    return profile(runner.fast_encoder.request, call, inferences=len(bench.windows))


def _runner_token(bench: GraphBench) -> Times:
    decoder, same = replace(bench.runner).decoder, np.arange(len(bench.prompt), dtype=np.int32)
    decoder.start(bench.audio)
    call = partial(decoder.step, bench.prompt[:, -1:].copy(), same, [-1])
    first = partial(decoder.step, bench.prompt, same, [-1])
    return profile(decoder.request, call, first)  # type: ignore[attr-defined]


def _rows(stage: str, times: Times) -> list[Row]:
    whole = sum(times.values()) or 1.0
    ordered = sorted(times.items(), key=lambda item: -item[1])
    return [
        {
            "stage": stage,
            "layer": name,
            "type": kind,
            "kernel": kernel,
            "ms": round(ms, 4),
            "percent": round(100 * ms / whole, 2),
        }
        for (name, kind, kernel), ms in ordered
    ]
