"""The time of every layer, from OpenVINO's own profiling."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import openvino as ov

from ovw.artifact.layouts import layout_row
from ovw.artifact.port_names import BEAM_IDX, ENCODER_HIDDEN_STATES, INPUT_IDS
from ovw.benchmark.case import GraphJob
from ovw.benchmark.measuring.stages import GraphBench
from ovw.record_tables import Row
from ovw.runtime.encoder import EncoderSession
from ovw.runtime.fast.encoder import FastEncoder
from ovw.runtime.protocols import Decoder

RUNS = 10
Key = tuple[str, str, str]


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
        rows += _rows("encoder", _profile(request, {0: bench.mel}))
    if job.case.layout and layout_row(job.case.layout).cache == "inside":
        rows += _rows("token", _token_profile(bench))
    if bench.has_runner_graphs:
        rows += _rows(
            "runner_encoder", _collected(bench.runner.fast_encoder, lambda: bench.runner.encode(bench.windows))
        )
        rows += _rows("runner_token", _runner_token(bench))
    return rows


def _runner_token(bench: GraphBench) -> dict[Key, float]:
    decoder, same = bench.runner.decoder, np.arange(len(bench.prompt), dtype=np.int32)
    decoder.start(bench.audio)
    decoder.step(bench.prompt, same, [-1])
    token = bench.prompt[:, -1:].copy()
    return _collected(decoder, lambda: decoder.step(token, same, [-1]))


def _collected(session: FastEncoder | Decoder, call: Callable[[], object]) -> dict[Key, float]:
    """Mean milliseconds by (name, type, kernel) of the last inference of a few calls, after one that does not count."""
    total: dict[Key, float] = defaultdict(float)
    call()
    for _ in range(RUNS):
        call()
        _add(total, session.request)  # type: ignore[union-attr]
    return total


def _token_profile(bench: GraphBench) -> dict[Key, float]:
    request = bench.decoder.compiled.create_infer_request()  # type: ignore[attr-defined]
    same = np.arange(len(bench.prompt), dtype=np.int32)
    feed = {ENCODER_HIDDEN_STATES: bench.hidden, BEAM_IDX: same}
    request.infer(feed | {INPUT_IDS: bench.prompt})
    return _profile(request, feed | {INPUT_IDS: bench.prompt[:, -1:].copy()})


def _profile(request: ov.InferRequest, feed: Mapping[Any, Any]) -> dict[Key, float]:
    """Mean milliseconds by (name, type, kernel) over a few calls, after one that does not count."""
    total: dict[Key, float] = defaultdict(float)
    request.infer(feed)
    for _ in range(RUNS):
        request.infer(feed)
        _add(total, request)
    return total


def _add(total: dict[Key, float], request: ov.InferRequest) -> None:
    for node in request.get_profiling_info():
        if node.status == ov.ProfilingInfo.Status.EXECUTED:
            key = node.node_name, node.node_type, node.exec_type
            total[key] += node.real_time.total_seconds() * 1000 / RUNS


def _rows(stage: str, times: Mapping[Key, float]) -> list[Row]:
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
