"""What is fed with damaged files, and what must come of it: a result, or an `OvwError` of one short line."""

from __future__ import annotations

import contextlib
import io
import random
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fuzz.mutate import BINARY, TEXT, Mutator, mutate
from ovw.artifact.check import find_problems
from ovw.artifact.manifest import read_manifest
from ovw.audio.decode import stream_audio
from ovw.benchmark.config import BenchConfig
from ovw.benchmark.journal import RecordJournal
from ovw.cli.app import main
from ovw.cli.transcription.config import TranscribeConfig
from ovw.config import resolve
from ovw.convert.config import ConvertConfig
from ovw.convert.sources.resolve import load_checkpoint
from ovw.convert.tokenizer import build_tokenizer_json
from ovw.datasets.archive import Archive
from ovw.datasets.audio import read_clip
from ovw.datasets.librispeech import open_librispeech
from ovw.datasets.manifest import ManifestDataset
from ovw.datasets.utterance import Utterance
from ovw.errors import LONGEST, OvwError
from ovw.evaluate.journal import HypothesisJournal
from ovw.home import compiled_dir
from ovw.record import read_record
from ovw.runtime.fast.compiled import sweep_damaged

QUICK = ["--temperature", "0", "--max-new-tokens", "4", "--language", "en", "--beam-size", "1"]


class Wrong(Exception):  # noqa: N818
    """A damaged file that was called good, a message that is none."""


@dataclass(frozen=True)
class Target:
    """A reader.

    Attributes:
        seeds: the sub-folder of the corpus.
        pattern: of the files in it that are damaged.
        read: is given the damaged file; what belongs to it lies around it.
        mutators: how it is damaged.
    """

    seeds: str
    pattern: str
    read: Callable[[Path], object]
    mutators: Sequence[Mutator] = BINARY


def _verb(*args: object) -> None:
    """A whole verb in this process: it ends with a code of ours and without a traceback."""
    kept, code, errors = sys.argv, 0, io.StringIO()
    sys.argv = ["ovw", *map(str, args)]
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(errors):
            main()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    finally:
        sys.argv = kept
    text = errors.getvalue()
    if code not in (0, 1, 2) or "Traceback" in text or "unexpected" in text or (code and not text.strip()):
        raise Wrong(f"exit code {code}: {text[-2000:]}")


def _media(path: Path) -> None:
    for _ in stream_audio(path):
        pass


def _checkpoint(path: Path) -> None:
    found = load_checkpoint(None, str(path))
    build_tokenizer_json(found.dims, found.tokenizer_json)


def _artifact(path: Path) -> None:
    if path.name != "manifest.json" and not find_problems(path.parent):
        raise Wrong(f"{path.name} is damaged, and said to be good")
    if path.name == "manifest.json":
        find_problems(path.parent)


def _blob(path: Path) -> None:
    kept = compiled_dir()
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir(parents=True)
    shutil.copy(path, kept / path.name)
    if not sweep_damaged():
        raise Wrong("a damaged graph was kept")


def _config(path: Path) -> None:
    kind = {"transcribe": TranscribeConfig, "convert": ConvertConfig, "bench": BenchConfig}[path.stem]
    resolve(kind, {}, path)


def _table(path: Path) -> None:
    for item in ManifestDataset(path):
        if isinstance(item, Utterance):
            with contextlib.suppress(OvwError):
                read_clip(item)


def _journal(path: Path) -> None:
    with HypothesisJournal(path.parent, {"dataset": "x", "beam_size": 1}) as journal:
        journal.finish(journal.done)


def _record(path: Path) -> None:
    read_record(path)
    RecordJournal(BenchConfig(), path, {})


def _archive(path: Path) -> None:
    for _, read in Archive(path).readers():
        read()
    for item in open_librispeech(path, None):
        if isinstance(item, Utterance):
            with contextlib.suppress(OvwError):
                read_clip(item)


TARGETS = {
    "media": Target("media", "*", _media),
    "pt": Target("pt", "*.pt", _checkpoint),
    "ggml": Target("ggml", "*.bin", _checkpoint),
    "ctranslate2": Target("ctranslate2", "model/*", lambda path: _checkpoint(path.parent)),
    "safetensors": Target("huggingface", "*/*.safetensors", lambda path: _checkpoint(path.parent)),
    "huggingface-json": Target("huggingface", "*/*.json", lambda path: _checkpoint(path.parent), TEXT),
    "artifact": Target("artifact", "*.bin", _artifact),
    "artifact-text": Target("artifact", "*.*[!n]", _artifact, TEXT),
    "manifest": Target("artifact", "manifest.json", lambda path: read_manifest(path.parent), TEXT),
    "blob": Target("blob", "*.blob", _blob),
    "yaml": Target("yaml", "*.yaml", _config, TEXT),
    "table": Target("table", "a.*[!v]", _table, TEXT),
    "journal": Target("journal", "*.json*", _journal, TEXT),
    "record": Target("record", "*.json", _record, TEXT),
    "archive": Target("archive", "*.tar*", _archive),
    "verify": Target("artifact", "*", lambda path: _verb("verify", path.parent), BINARY),
    "transcribe": Target("media", "*", lambda path: _verb("transcribe", path, "-m", path.parents[1] / "artifact", "-o", path.parent / "out", *QUICK)),
    "convert": Target("pt", "*.pt", lambda path: _verb("convert", "--weights", path, "-o", path.parent / "made")),
}  # fmt: skip


def once(name: str, corpus: Path, work: Path, rng: random.Random) -> Path:
    """Damage one file of a target's seeds and read it.

    Args:
        name: of the target.
        corpus: the seeds.
        work: an empty folder; the damaged file stays in it.
        rng: decides everything.

    Raises:
        Exception: whatever the reader did wrong.
    """
    path = prepare(name, corpus, work, rng)
    try:
        TARGETS[name].read(path)
    except OvwError as error:
        text = str(error)
        if not text.strip() or "\n" in text or len(text) > 2 * LONGEST + 100:
            raise Wrong(f"a message of {len(text)} characters: {text[:200]!r}") from error
    return path


def prepare(name: str, corpus: Path, work: Path, rng: random.Random) -> Path:
    """Put the damaged file, and what belongs to it, into a folder."""
    target = TARGETS[name]
    chosen = rng.choice(sorted(path for path in (corpus / target.seeds).glob(target.pattern) if path.is_file()))
    inside = chosen.relative_to(corpus)
    if target.seeds in ("media", "pt", "ggml", "archive", "blob"):  # files that stand alone
        (work / inside.parent).mkdir(parents=True)
        if name == "transcribe":
            (work / "artifact").symlink_to(corpus / "artifact")
    else:
        shutil.copytree(corpus / target.seeds, work / target.seeds)
    (work / inside).write_bytes(mutate(chosen.read_bytes(), rng, target.mutators))
    return work / inside
