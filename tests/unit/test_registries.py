"""A new engine, dataset, subtitle format, checkpoint format and layout each need one row and one module."""

import io
import json
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from support.tiny_whisper import ROOT, TINY
from support.transcripts import document, segment

from ovw.artifact.layouts import LAYOUTS, split_name
from ovw.benchmark.config import BenchConfig
from ovw.benchmark.plan import make_plan
from ovw.cli.transcription.config import TranscribeConfig
from ovw.config import build
from ovw.convert.config import ConvertConfig
from ovw.convert.graphs.frontends import open_frontend
from ovw.convert.layouts import write_layout
from ovw.convert.layouts.export import Export
from ovw.convert.plan import plan_jobs
from ovw.convert.sources import resolve
from ovw.convert.sources.checkpoint import Checkpoint, CheckpointFormat
from ovw.convert.sources.random import random_checkpoint
from ovw.convert.sources.resolve import load_checkpoint
from ovw.datasets.folder import AudioFolder
from ovw.datasets.registry import DATASETS, NamedDataset
from ovw.datasets.resolve import open_dataset
from ovw.datasets.utterance import Dataset
from ovw.engines import registry
from ovw.engines.registry import ENGINES, EngineRow, EngineSpec
from ovw.engines.standalone import measure
from ovw.errors import UsageError
from ovw.evaluate.config import EvalConfig
from ovw.subtitles import FORMATS, MODULES, Document, LayoutOptions


def module(name: str, monkeypatch: pytest.MonkeyPatch, **members: object) -> None:
    made = ModuleType(name)
    vars(made).update(members)
    monkeypatch.setitem(sys.modules, name, made)


class ToyEngine:
    def __init__(self, job: dict[str, object]) -> None:
        self.job = job

    def transcribe(self, samples: np.ndarray) -> tuple[str, int | None]:
        return f"{len(samples)} samples", 2

    def transcribe_all(self, clips: list[np.ndarray]) -> None:
        return None

    def describe(self) -> dict[str, object]:
        return {"version": "1"}


def test_an_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENGINES, "toy", EngineRow("toy", "toy", "toy-package", "own", (), ("threads",), fetches=True))
    module("ovw.engines.standalone.toy", monkeypatch, load=ToyEngine)
    config = build(BenchConfig, {"engines": [{"name": "toy", "model": "m"}], "threads": [1, 2], "beam_size": [1, 5]})
    cases = make_plan(config).cases
    assert [(case.name, case.device.threads, case.beam_size) for case in cases] == [
        ("toy m threads=1", 1, 1),
        ("toy m threads=2", 2, 1),
    ]
    np.save(tmp_path / "0.npy", np.zeros(160, np.float32))
    job = {
        "engine": "toy",
        "module": "toy",
        "clips": [str(tmp_path / "0.npy")],
        "seconds": 0,
        "limit": 9,
        "offline": True,
    }
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(job)))
    monkeypatch.setattr("sys.argv", ["measure", str(tmp_path / "results.jsonl")])
    assert measure.main("ovw.engines.standalone.") == 0
    results = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text().splitlines()]
    assert {"text": "160 samples", "tokens": 2, "clip": 0} in results
    assert {"facts": {"version": "1"}} in results


def test_an_engine_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(job: dict[str, object]) -> None:
        raise ValueError("1 error\n  too large\n    For further information visit https://x")

    module("ovw.engines.standalone.toy", monkeypatch, load=load)
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps({"module": "toy"})))
    monkeypatch.setattr("sys.argv", ["measure", str(tmp_path / "results.jsonl")])
    assert measure.main("ovw.engines.standalone.") == 1
    assert json.loads((tmp_path / "results.jsonl").read_text()) == {"error": "ValueError: too large"}


def test_an_engine_that_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENGINES, "toy", EngineRow("toy", "toy", "toy", "own", (), (), loader="toy_engine:load"))
    module("toy_engine", monkeypatch, load=lambda spec: ("loaded", spec.model))
    assert EngineSpec("toy", Path("m")).load() == ("loaded", Path("m"))
    with pytest.raises(UsageError, match="for ovw bench only"):
        EngineSpec("faster-whisper", Path("m")).load()
    with pytest.raises(UsageError, match="no engine 'toi'"):
        registry.engine_row("toi")


def test_a_subtitle_format(monkeypatch: pytest.MonkeyPatch) -> None:
    def render(document: Document, layout: LayoutOptions) -> str:
        return f"{document.media}: {len(document.segments)}\n"

    monkeypatch.setitem(MODULES, "toy", "toy")
    module("ovw.subtitles.toy", monkeypatch, render=render)
    assert build(TranscribeConfig, {"format": ["toy", "srt"]}).format == ("toy", "srt")
    assert "toy" in build(TranscribeConfig, {"format": "all"}).format
    assert FORMATS["toy"](document(segment(0, 1, " Hi.")), LayoutOptions()) == "talk.mp4: 1\n"
    with pytest.raises(UsageError, match="did you mean 'toy'"):
        build(TranscribeConfig, {"format": "toyy"})


def test_a_checkpoint_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(path: Path) -> Checkpoint:
        made = random_checkpoint(TINY, tmp_path)
        return Checkpoint(made.dims, made.tensors, "toy", path.name)

    toy = CheckpointFormat("a .toy file", lambda path: path.suffix == ".toy", read)
    monkeypatch.setattr(resolve, "FORMATS", [*resolve.FORMATS, toy])
    (tmp_path / "a.toy").write_text("weights")
    checkpoint = load_checkpoint(None, str(tmp_path / "a.toy"))
    assert (checkpoint.kind, checkpoint.reference, checkpoint.dims) == ("toy", "a.toy", TINY)


def test_a_layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write_toy(folder: Path, export: Export) -> None:
        (folder / f"{export.name}.toy").write_text(str([graph.file for graph in export.graphs()]))

    row = replace(LAYOUTS["whispercpp"], name="toy", files=lambda model: (f"{model}.toy",), has_ggml=False)
    monkeypatch.setitem(LAYOUTS, "toy", row)
    module("ovw.convert.layouts.toy", monkeypatch, write_toy=write_toy)
    config = build(ConvertConfig, {"size": "tiny", "layout": ["toy"]})
    (job,) = plan_jobs(config)
    assert job.target.name == "tiny-fp16-toy"
    assert split_name(job.target.name) == ("tiny", "fp16", "toy")
    shapes = config.bounds().resolve(TINY, "toy")
    assert (shapes.kind, shapes.tokens) == ("static", None)
    checkpoint = random_checkpoint(TINY, tmp_path)
    frontend = open_frontend("graph", checkpoint, tmp_path)
    write_layout(tmp_path, Export("tiny", "toy", checkpoint, "fp16", shapes, frontend, tmp_path))
    assert (tmp_path / row.files("tiny")[0]).read_text() == "['ggml-tiny-encoder-openvino.xml']"
    with pytest.raises(UsageError, match="did you mean 'genai'"):
        build(ConvertConfig, {"size": "tiny", "layout": ["gena"]})


def test_help_names_every_row() -> None:
    for verb, rows in (("convert", LAYOUTS), ("transcribe", FORMATS)):
        text = (ROOT / "tests" / "golden" / f"help-{verb}.txt").read_text(encoding="utf-8")
        assert not [name for name in rows if not re.search(rf"\b{name}\b", text)]


def test_a_dataset(monkeypatch: pytest.MonkeyPatch) -> None:
    def open_named(data: Path | None, split: str | None, languages: Sequence[str]) -> Dataset:
        assert (split, list(languages)) == ("dev", ["de"])
        return AudioFolder(Path("toy"), texts=False) if data is None else AudioFolder(data, texts=False)

    monkeypatch.setitem(DATASETS, "toy", NamedDataset("toy", open_named))
    options = build(EvalConfig, {"dataset": "toy", "split": "dev", "languages": ["de"]})
    assert open_dataset(options).name == "toy"
    assert open_dataset(options.model_copy(update={"data": "there"})).name == "there"
