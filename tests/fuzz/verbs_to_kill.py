"""The verbs that are killed: their arguments, what may survive of them, and what they make of a second try."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.speech_files import wav
from support.tiny_whisper import SELFTEST_CLIP, convert_one, save_pt

from fuzz.seeds import SMALL
from ovw.artifact.check import find_problems
from ovw.artifact.manifest import read_manifest
from ovw.convert.config import ConvertConfig
from ovw.record import read_record
from ovw.scoring.hypothesis import parse

CLIPS = 12
FAST = ("--language", "en", "--temperature", "0", "--beam-size", "1", "--max-new-tokens", "4")
MODEL = ("-m", "materials/artifact")
EVAL = "temperature: 0\nmax_new_tokens: 4\nvad: false\n"
BENCH = "stages: [encoder, mel]\nseconds: 1\niterations: 20\nroofline: false\nbudget: null\nrounds: 2\n"


@dataclass(frozen=True)
class Verb:
    """A verb in a folder with `inputs`, `materials` and a home of its own.

    Attributes:
        name: of it.
        arguments: relative to the folder.
        check_survivor: raises where what survived a signal is not whole.
        result: what a finished run has made, without times.
    """

    name: str
    arguments: Sequence[str]
    check_survivor: Callable[[Path], object]
    result: Callable[[Path], Any]


def make_materials(folder: Path) -> None:
    """A checkpoint, an artifact, and the inputs that every run gets a copy of."""
    os.environ["OVW_HOME"] = str(folder / "home")
    checkpoint = save_pt(folder / "small.pt", SMALL)
    convert_one(ConvertConfig(weights=str(checkpoint), output=folder / "artifact"))
    (inputs := folder / "inputs").mkdir()
    (inputs / "talks").mkdir()
    rows = []
    for number in range(CLIPS):
        shutil.copy(SELFTEST_CLIP, inputs / "talks" / f"{number:02}.flac")
        (inputs / f"{number:02}.wav").write_bytes(wav(seed=number))
        rows.append(json.dumps({"id": f"u{number}", "audio": f"{number:02}.wav", "reference": "word"}) + "\n")
    (inputs / "clips.jsonl").write_text("".join(rows), encoding="utf-8")
    (inputs / "eval.yaml").write_text(EVAL, encoding="utf-8")
    (inputs / "bench.yaml").write_text(BENCH, encoding="utf-8")


def _artifact_is_whole(folder: Path) -> None:
    if (folder / "made").exists() and (problems := find_problems(folder / "made")):
        raise AssertionError(problems)


def _artifact(folder: Path) -> Any:
    _artifact_is_whole(folder)
    manifest = read_manifest(folder / "made")
    golden = manifest.golden
    return sorted(path.name for path in (folder / "made").iterdir()), golden and golden.tokens


def _run_is_readable(folder: Path) -> None:
    """All lines but the last one, and the record."""
    lines = folder / "run" / "hypotheses.jsonl"
    for line in lines.read_bytes().split(b"\n")[:-1] if lines.exists() else ():
        parse(line.decode())
    if (folder / "run" / "record.json").exists():
        read_record(folder / "run" / "record.json")


def _run(folder: Path) -> Any:
    _run_is_readable(folder)
    record = read_record(folder / "run" / "record.json")
    lines = (folder / "run" / "hypotheses.jsonl").read_text(encoding="utf-8").splitlines()
    found = [parse(line) for line in lines]
    wer = {name: metric.value for case in record.cases for name, metric in case.metrics.items() if name == "wer"}
    return [(one.id, one.hypothesis) for one in found], wer, sorted(path.name for path in (folder / "run").iterdir())


def _subtitles_are_whole(folder: Path) -> None:
    """Every file that has its name is whole; all talks are the same."""
    texts = {path.read_text(encoding="utf-8") for path in (folder / "out").glob("*.srt")}
    assert len(texts) < 2, texts
    assert "" not in texts


def _subtitles(folder: Path) -> Any:
    return {path.name: path.read_text(encoding="utf-8") for path in sorted((folder / "out").iterdir())}


def _record_is_readable(folder: Path) -> None:
    if (folder / "record.json").exists():
        read_record(folder / "record.json")


def _record(folder: Path) -> Any:
    record = read_record(folder / "record.json")
    return [(case.name, case.facts.get("status"), sorted(case.metrics)) for case in record.cases]


VERBS = {
    verb.name: verb
    for verb in (
        Verb("convert", ("convert", "--weights", "materials/small.pt", "-o", "made"), _artifact_is_whole, _artifact),
        Verb(
            "eval",
            ("eval", "inputs/clips.jsonl", *MODEL, "--config", "inputs/eval.yaml", "-o", "run"),
            _run_is_readable,
            _run,
        ),
        Verb(
            "transcribe", ("transcribe", "inputs/talks", *MODEL, *FAST, "-o", "out"), _subtitles_are_whole, _subtitles
        ),
        Verb(
            "workers",
            ("transcribe", "inputs/talks", *MODEL, *FAST, "-o", "out", "--workers", "2"),
            _subtitles_are_whole,
            _subtitles,
        ),
        Verb(
            "bench",
            ("bench", *MODEL, "--config", "inputs/bench.yaml", "-o", "record.json"),
            _record_is_readable,
            _record,
        ),
    )
}
