"""The time of every layer, from OpenVINO's own profiling."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import openvino as ov

from ovw.artifact.layouts import layout_row
from ovw.artifact.port_names import BEAM_IDX, ENCODER_HIDDEN_STATES, INPUT_IDS
from ovw.benchmark.case import GraphJob
from ovw.benchmark.measuring.stages import GraphBench
from ovw.record_tables import Row
from ovw.runtime.encoder import EncoderSession
from ovw.transcribe.model_sessions import FastModelSessions

RUNS = 10
"""Calls that are timed, after one that is not."""
Key = tuple[str, str, str]
Times = dict[Key, float]
"""Milliseconds by name, type and kernel."""


def layer_rows(job: GraphJob) -> list[Row]:
    """A row a layer of the encoder and of a decoder step, the slowest first; profiling itself costs some time.

    Args:
        job: the case; timed is one call of the encoder and one token after the prompt.
    """
    device = job.case.device.model_copy(update={"profile": True})
    bench = GraphBench(job.model_copy(update={"case": job.case.model_copy(update={"device": device})}), lambda _: None)
    rows = []
    if isinstance(bench.encoder, EncoderSession):
        request = bench.encoder.compiled.create_infer_request()
        rows += _rows("encoder", profile(request, lambda: request.infer({0: bench.mel})))
    if job.case.layout and layout_row(job.case.layout).cache == "inside":
        rows += _rows("token", _token(bench))
    if bench.has_runner_graphs:
        runner = replace(bench.runner)  # sessions that did nothing yet
        rows += _rows("runner_encoder", _runner_encoder(bench, runner))
        rows += _rows("runner_token", _runner_token(bench, runner))
    return rows


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


def _token(bench: GraphBench) -> Times:
    request = bench.decoder.compiled.create_infer_request()  # type: ignore[attr-defined]
    same = np.arange(len(bench.prompt), dtype=np.int32)
    feed = {ENCODER_HIDDEN_STATES: bench.hidden, BEAM_IDX: same}
    token = feed | {INPUT_IDS: bench.prompt[:, -1:].copy()}
    return profile(request, lambda: request.infer(token), lambda: request.infer(feed | {INPUT_IDS: bench.prompt}))


def _runner_encoder(bench: GraphBench, runner: FastModelSessions) -> Times:
    """It infers once for each window."""
    call = partial(runner.encode, bench.windows)
    return profile(runner.fast_encoder.request, call, inferences=len(bench.windows))


def _runner_token(bench: GraphBench, runner: FastModelSessions) -> Times:
    decoder, same = runner.decoder, np.arange(len(bench.prompt), dtype=np.int32)
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
