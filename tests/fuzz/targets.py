"""The readers that are fed with damaged files, and what is right: a true result, or an `OvwError` of one short line.

Every target is given the damaged file and the whole one that it was made from, so that it can tell a result that is
wrong without a word.
"""

from __future__ import annotations

import contextlib
import logging
import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from fuzz.mutate import BINARY, HEADED, TEXT, Mutator, mutate
from fuzz.verbs import Wrong, seal, verb
from ovw.artifact.check import find_problems
from ovw.artifact.locate import load_manifest
from ovw.artifact.manifest import read_manifest
from ovw.audio.decode import load_audio
from ovw.benchmark.config import BenchConfig
from ovw.benchmark.journal import RecordJournal
from ovw.cli.transcription.config import TranscribeConfig
from ovw.config import resolve
from ovw.convert.config import ConvertConfig
from ovw.convert.sources.checkpoint import Checkpoint
from ovw.convert.sources.resolve import load_checkpoint
from ovw.convert.tokenizer import build_tokenizer_json
from ovw.datasets.archive import Archive
from ovw.datasets.audio import read_clip
from ovw.datasets.librispeech import open_librispeech
from ovw.datasets.manifest import ManifestDataset
from ovw.datasets.utterance import Problem, Utterance
from ovw.errors import LONGEST, OvwError
from ovw.evaluate.journal import HypothesisJournal
from ovw.home import compiled_dir
from ovw.record import read_record
from ovw.runtime.fast.compiled import sweep_damaged

NO_LENGTH = {".aac", ".ts", ".mp3"}
"""Streams of packets: where they end, nobody knows."""
LOST = 0.05
"""Share of a recording whose loss goes without a warning: the last packets, which a decoder fills up."""


@dataclass(frozen=True)
class Target:
    """A reader.

    Attributes:
        seeds: the sub-folder of the corpus.
        pattern: of the files in it that are damaged.
        read: is given the damaged file, around which lies what belongs to it, and the whole one.
        mutators: how it is damaged.
    """

    seeds: str
    pattern: str
    read: Callable[[Path, Path], object]
    mutators: Sequence[Mutator] = BINARY


@contextlib.contextmanager
def warnings() -> Iterator[list[str]]:
    """Collects the warnings of ovw in this block."""
    found: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: found.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger("ovw").addHandler(handler)
    try:
        yield found
    finally:
        logging.getLogger("ovw").removeHandler(handler)


@cache
def _length(whole: Path) -> int:
    return len(load_audio(whole))


def _media(path: Path, whole: Path) -> str:
    """A file that only lost its end must give the whole length or a warning."""
    with warnings() as found:
        length = len(load_audio(path))
    if not found and path.suffix not in NO_LENGTH and length < (1 - LOST) * _length(whole):
        if whole.read_bytes().startswith(path.read_bytes()):
            raise Wrong(f"{length} of {_length(whole)} samples without a warning")
        return f"{length} of {_length(whole)} samples"
    return "warned" if found else ""


@cache
def _loaded(whole: Path) -> Checkpoint:
    return load_checkpoint(None, str(whole))


def _checkpoint(path: Path, whole: Path) -> str:
    """Another length is noticed; within a length, values may be others where a format has no checksum."""
    with warnings() as found:
        read = load_checkpoint(None, str(path))
        build_tokenizer_json(read.dims, read.tokenizer_json)
    expected = _loaded(whole)
    if read.dims != expected.dims:
        return f"{read.dims}"
    changed = sum(int((read.tensors[name] != value).sum()) for name, value in expected.tensors.items())
    resized = path.is_file() and path.stat().st_size != whole.stat().st_size
    if (changed and resized) or any(not np.isfinite(value).all() for value in read.tensors.values()):
        raise Wrong(f"{changed} values are others, and nobody noticed")
    return "warned" if found else f"{changed} values are others" if changed else ""


def _in_folder(path: Path, whole: Path) -> str:
    return _checkpoint(path.parent, whole.parent)


def _pytorch(path: Path, whole: Path) -> str:
    """Every byte of the zip has a checksum."""
    if note := _checkpoint(path, whole):
        raise Wrong(note)
    return ""


def _artifact(path: Path, whole: Path) -> None:
    if path.name != "manifest.json" and not find_problems(path.parent):
        raise Wrong(f"{path.name} is damaged, and said to be good")
    if path.name == "manifest.json":
        find_problems(path.parent)


def _sealed(path: Path, whole: Path) -> str:
    """An artifact of a stranger, whose hashes are those of its files."""
    seal(path)
    return "" if find_problems(path.parent) else "good"


def _blob(path: Path, whole: Path) -> None:
    kept = compiled_dir()
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir(parents=True)
    shutil.copy(path, kept / path.name)
    if not sweep_damaged():
        raise Wrong("a damaged graph was kept")


def _config(path: Path, whole: Path) -> None:
    kind = {"transcribe": TranscribeConfig, "convert": ConvertConfig, "bench": BenchConfig}[path.stem]
    resolve(kind, {}, path)


def _table(path: Path, whole: Path) -> str:
    """Every line is a clip or a problem."""
    items = list(ManifestDataset(path))
    for item in items:
        if isinstance(item, Utterance):
            with contextlib.suppress(OvwError):
                read_clip(item)
    text = path.read_bytes()
    rows = sum(1 for line in text.splitlines() if line.strip()) - (path.suffix != ".jsonl")
    if len(items) < rows and not any(isinstance(item, Problem) for item in items):
        return f"{len(items)} clips of {rows} lines"
    return ""


def _journal(path: Path, whole: Path) -> None:
    """Whole lines stay, whatever happens."""
    lines = path.with_name("hypotheses.jsonl").read_bytes().split(b"\n")[:-1]
    with HypothesisJournal(path.parent, {"dataset": "x", "beam_size": 1}) as journal:
        done = len(journal.done)
        if done < len(set(lines)) - 1 and path.name == "hypotheses.jsonl":
            raise Wrong(f"{done} of {len(lines)} lines are left")
        journal.finish(journal.done)


def _record(path: Path, whole: Path) -> None:
    read_record(path)
    RecordJournal(BenchConfig(), path, {}, force=True)


@cache
def _members(whole: Path) -> dict[str, bytes]:
    return {name: read() for name, read in Archive(whole).readers()}


def _archive(path: Path, whole: Path) -> str:
    members = {name: read() for name, read in Archive(path).readers()}
    for item in open_librispeech(path, None):
        if isinstance(item, Utterance):
            with contextlib.suppress(OvwError):
                read_clip(item)
    expected = _members(whole)
    if len(members) < len(expected) or (path.suffix != ".tar" and members != expected):
        raise Wrong(
            f"{len(members)} of {len(expected)} members, {sum(members[k] != expected.get(k) for k in members)} of them others"
        )
    return "" if members == expected else "others"


TARGETS = {
    "media": Target("media", "*", _media),
    "pt": Target("pt", "new.pt", _pytorch),
    "pt-old": Target("pt", "old.pt", _checkpoint),
    "ggml": Target("ggml", "*.bin", _checkpoint),
    "ctranslate2": Target("ctranslate2", "model/*", _in_folder),
    "ctranslate2-json": Target("ctranslate2", "model/*.json", _in_folder, TEXT),
    "safetensors": Target("huggingface", "*/*.safetensors", _in_folder, HEADED),
    "safetensors-index": Target("huggingface", "*/*.index.json", _in_folder, TEXT),
    "huggingface-json": Target("huggingface", "*/*.json", _in_folder, TEXT),
    "huggingface-config": Target("huggingface", "*/*config.json", _in_folder, TEXT),
    "tokenizer": Target("vocabulary", "whole/tokenizer.json", _in_folder, TEXT),
    "tokenizer-official": Target("huggingface", "*/tokenizer.json", _in_folder, TEXT),
    "tokenizer-parts": Target("vocabulary", "parts/*.[jt]*[nt]", _in_folder, TEXT),
    "artifact": Target("artifact", "*.bin", _artifact),
    "artifact-text": Target("artifact", "*.*[!n]", _artifact, TEXT),
    "artifact-sealed": Target("artifact", "*.[jx]*", _sealed, TEXT),
    "foreign": Target("foreign", "*.json", lambda path, whole: load_manifest(path.parent) and None, TEXT),
    "manifest": Target("artifact", "manifest.json", lambda path, whole: read_manifest(path.parent) and None, TEXT),
    "blob": Target("blob", "*.blob", _blob),
    "yaml": Target("yaml", "*.yaml", _config, TEXT),
    "table": Target("table", "a.*[!v]", _table, TEXT),
    "csv": Target("table", "a.[ct]sv", _table, TEXT),
    "journal": Target("journal", "*.json*", _journal, TEXT),
    "record": Target("record", "*.json", _record, TEXT),
    "archive": Target("archive", "*.tar*", _archive),
    "transcribe": Target("media", "*", verb("transcribe")),
    "transcribe-artifact": Target("artifact", "*", verb("transcribe-artifact")),
    "transcribe-blob": Target("blob", "*.blob", verb("transcribe-blob")),
    "transcribe-yaml": Target("yaml", "transcribe.yaml", verb("transcribe-yaml"), TEXT),
    "transcribe-sealed": Target("artifact", "*.[jx]*", verb("transcribe-sealed"), TEXT),
    "transcribe-foreign": Target("foreign", "*.[jx]*", verb("transcribe-foreign"), TEXT),
    "verify-sealed": Target("artifact", "*.[jx]*", verb("verify-sealed"), TEXT),
    "verify-foreign": Target("foreign", "*.[jx]*", verb("verify-foreign"), TEXT),
    "verify": Target("artifact", "*", verb("verify")),
    "convert": Target("pt", "*.pt", verb("convert")),
    "convert-ggml": Target("ggml", "*.bin", verb("convert")),
    "convert-ctranslate2": Target("ctranslate2", "model/*", verb("convert-folder")),
    "convert-safetensors": Target("huggingface", "*/*.safetensors", verb("convert-folder")),
    "convert-huggingface": Target("huggingface", "*/*.json", verb("convert-folder"), TEXT),
    "eval": Target("table", "a.*[!v]", verb("eval"), TEXT),
    "eval-archive": Target("archive", "*.tar*", verb("eval-archive")),
    "eval-journal": Target("journal", "hypotheses.jsonl", verb("eval-journal"), TEXT),
    "report": Target("record", "*.json", verb("report"), TEXT),
}
ALONE = ("media", "pt", "ggml", "archive", "blob", "yaml")
"""Seeds of which every file stands for itself."""


def once(name: str, corpus: Path, work: Path, rng: random.Random) -> str:
    """Damage one file of a target's seeds and read it.

    Args:
        name: of the target.
        corpus: the seeds.
        work: an empty folder; the damaged file stays in it.
        rng: decides everything.

    Returns:
        `refused`, `accepted`, or what was accepted and may be looked at.

    Raises:
        Exception: whatever the reader did wrong.
    """
    path, whole = prepare(name, corpus, work, rng)
    try:
        note = TARGETS[name].read(path, whole)
    except OvwError as error:
        text = str(error)
        if not text.strip() or "\n" in text or len(text) > 2 * LONGEST + 100:
            raise Wrong(f"a message of {len(text)} characters: {text[:200]!r}") from error
        return "refused"
    return str(note or "accepted")


def prepare(name: str, corpus: Path, work: Path, rng: random.Random) -> tuple[Path, Path]:
    """Put the damaged file, and what belongs to it, into a folder; gives it and the whole one."""
    target = TARGETS[name]
    chosen = rng.choice(sorted(path for path in (corpus / target.seeds).glob(target.pattern) if path.is_file()))
    inside = chosen.relative_to(corpus)
    if target.seeds in ALONE:
        (work / inside.parent).mkdir(parents=True)
    else:
        shutil.copytree(corpus / inside.parent, work / inside.parent, symlinks=True)
    (work / inside).write_bytes(mutate(chosen.read_bytes(), rng, target.mutators))
    return work / inside, chosen
