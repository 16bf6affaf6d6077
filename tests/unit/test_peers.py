"""Engines of other projects, their packages made up: what is handed over to them."""

import os
import sys
from types import SimpleNamespace

import pytest

from ovw.engines.standalone import faster

JOB = {
    "model": "m", "precision": None, "device": {"device": "CPU", "threads": 0, "precision": None}, "beam_size": 1,
    "batch_size": 1, "language": "en", "task": "transcribe", "fallback": [],
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
