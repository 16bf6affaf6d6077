"""Engines of other projects, their packages made up: what is handed over to them."""

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from ovw.benchmark.case import CaseSpec
from ovw.benchmark.clips import ClipFile, Clips
from ovw.benchmark.config import BenchConfig
from ovw.benchmark.scheduling.jobs import clip_job, options_left_out, request_sha256
from ovw.config import build
from ovw.engines.registry import ENGINES, engine_row
from ovw.engines.standalone import faster, genai, pytorch
from ovw.transcribe.options import TranscribeOptions

JOB = {
    "model": "m", "precision": None, "device": {"device": "CPU", "threads": 0, "precision": None}, "beam_size": 1,
    "batch_size": 1, "language": "en", "task": "transcribe", "options": {"temperature": [0.0]},
}  # fmt: skip


@pytest.mark.parametrize(("asked", "given"), [(0, 3), (1, 1), (2, 2)])
def test_all_cores_are_all_of_them(monkeypatch: pytest.MonkeyPatch, asked: int, given: int) -> None:
    taken: dict[str, object] = {}

    def whisper_model(name: str, **settings: object) -> SimpleNamespace:
        taken.update(settings)
        return SimpleNamespace(model=SimpleNamespace(compute_type="int8"))

    package = SimpleNamespace(WhisperModel=whisper_model, BatchedInferencePipeline=lambda model: None)
    monkeypatch.setitem(sys.modules, "faster_whisper", package)
    monkeypatch.setattr(faster, "version", lambda package: "1")
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 2, 3}, raising=False)
    engine = faster.load(JOB | {"device": JOB["device"] | {"threads": asked}})
    assert taken["cpu_threads"] == given
    assert engine.describe()["threads"] == given


ASKED = {
    "temperature": [0.8],
    "initial_prompt": "HELLO",
    "without_timestamps": True,
    "logprob_threshold": None,
    "max_new_tokens": 9,
    "seed": 3,
    "vad": False,
    "audio_context": "full",
}
CLIPS = Clips([ClipFile("a", Path("0.npy"), 1.0, None, "en")], {"sha256": "a"})


def job_of(engine: str, **decoding: object) -> dict:
    config = build(BenchConfig, {"decoding": decoding})
    return clip_job(config, CaseSpec(name="c", engine=engine, model="m", stages=("pipeline",)), CLIPS, 9.0)


@pytest.mark.parametrize(
    ("engine", "left_out"),
    [
        ("openvino", []),
        ("onnxruntime", []),
        ("pytorch", ["seed"]),
        ("faster-whisper", ["seed"]),
        ("openvino-genai", ["temperature", "logprob_threshold", "seed"]),
        ("optimum-intel", ["temperature", "logprob_threshold", "initial_prompt", "seed"]),
    ],
)
def test_a_request_is_what_an_engine_is_given(engine: str, left_out: list[str]) -> None:
    options = build(BenchConfig, {"decoding": ASKED}).options()
    assert options_left_out(engine_row(engine), options) == left_out
    given = {name: value for name, value in ASKED.items() if name not in left_out}
    plain, ours = (request_sha256(job_of("openvino", **asked), CLIPS) for asked in (given, ASKED))
    found = request_sha256(job_of(engine, **ASKED), CLIPS)
    assert found == plain
    assert (found == ours) == (not left_out)
    assert request_sha256(job_of(engine), CLIPS) == request_sha256(job_of("openvino"), CLIPS)
    assert request_sha256(job_of(engine, temperature=0), CLIPS) == request_sha256(
        job_of("openvino", temperature=0), CLIPS
    )


def test_rows_name_options_of_ours() -> None:
    for row in ENGINES.values():
        assert set(row.decoding) <= TranscribeOptions.model_fields.keys()


def test_options_that_engines_have_are_handed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: dict[str, object] = {}

    def transcribe(samples: np.ndarray, **options: object) -> tuple[list, None]:
        taken.update(options)
        return [], None

    model = SimpleNamespace(transcribe=transcribe)
    batched = SimpleNamespace(WhisperModel=lambda *_, **__: model, BatchedInferencePipeline=lambda model: None)
    monkeypatch.setitem(sys.modules, "faster_whisper", batched)
    faster.load(job_of("faster-whisper", **ASKED)).transcribe(np.zeros(9, np.float32))
    shared = {"language": "en", "task": "transcribe", "initial_prompt": "HELLO", "without_timestamps": True}
    assert taken == {**shared, "temperature": [0.8], "beam_size": 1, "log_prob_threshold": None, "max_new_tokens": 9}

    def transcribe_alone(samples: np.ndarray, **options: object) -> dict:
        taken.update(options)
        return {"text": "", "segments": []}

    taken.clear()
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(get_num_threads=lambda: 1))
    loaded = SimpleNamespace(transcribe=transcribe_alone)
    monkeypatch.setitem(sys.modules, "whisper", SimpleNamespace(load_model=lambda *_, **__: loaded))
    pytorch.load(job_of("pytorch", **ASKED)).transcribe(np.zeros(9, np.float32))
    own = {"temperature": [0.8], "beam_size": None, "logprob_threshold": None, "sample_len": 9}
    assert taken == {**shared, **own, "fp16": False, "verbose": None}

    config = SimpleNamespace(is_multilingual=True)
    pipeline = SimpleNamespace(get_generation_config=lambda: config)
    monkeypatch.setitem(sys.modules, "openvino_genai", SimpleNamespace(WhisperPipeline=lambda *_, **__: pipeline))
    genai.load(job_of("openvino-genai", **ASKED))
    assert (config.return_timestamps, config.initial_prompt, config.max_new_tokens) == (False, "HELLO", 9)
