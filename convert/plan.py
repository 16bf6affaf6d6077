"""Artifacts to make, and the results."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import ovw
from ovw.artifact import names
from ovw.artifact.check import file_problems
from ovw.artifact.download import Progress, ignore
from ovw.artifact.locate import check_target, is_artifact
from ovw.artifact.manifest import Manifest, Shapes, SpeechSet, read_manifest
from ovw.artifact.names import artifact_name
from ovw.convert.compression.recipe import Recipe
from ovw.convert.config import ConvertConfig
from ovw.convert.layouts.genai import generation_config
from ovw.convert.sources.checkpoint import Checkpoint
from ovw.convert.tokenizer import build_tokenizer_json
from ovw.datasets.audio import clip_sha256
from ovw.datasets.registry import DATASETS
from ovw.datasets.resolve import DatasetOptions, open_dataset
from ovw.datasets.utterance import Utterance
from ovw.errors import OvwError, UsageError
from ovw.home import models_dir
from ovw.hub import SCHEME
from ovw.models import ModelInfo, find_size
from ovw.record_tables import to_html


@dataclass(frozen=True)
class ConvertObserver:
    """Callbacks for progress; all of it may be ignored.

    Attributes:
        on_step: what begins now, in a few words.
        on_download: bytes done and bytes in all.
        on_failure: which of several artifacts could not be made, and why.
    """

    on_step: Callable[[str], None] = lambda text: None
    on_download: Progress = ignore
    on_failure: Callable[[OvwError], None] = lambda failure: None


SILENT = ConvertObserver()


@dataclass(frozen=True)
class Converted:
    """A finished artifact.

    Attributes:
        folder: where it is.
        manifest: what it is.
        seconds: how long it took.
        fresh: False when an equal artifact was there already.
    """

    folder: Path
    manifest: Manifest
    seconds: float
    fresh: bool

    @property
    def size_mb(self) -> float:
        return sum(entry.bytes for entry in self.manifest.files.values()) / 1e6

    def figures(self) -> dict[str, str]:
        """The figures of the artifact, each in a few words."""
        manifest = self.manifest
        gate = manifest.compression.gate if manifest.compression else None
        return {
            "name": self.folder.name,
            "size": f"{self.size_mb:.1f} MB",
            "time": f"{self.seconds:.1f} s" if self.fresh else "was there already, its hashes hold",
            "distance to PyTorch f32": ", ".join(manifest.parity.describe() if manifest.parity else ()),
            "checkpoint": f"{manifest.source.kind} {manifest.source.reference}",
            **({"WER": gate.describe()} if gate else {}),
        }

    def __repr__(self) -> str:
        return f"Converted({self.folder.name}, {self.size_mb:.1f} MB)"

    def _repr_html_(self) -> str:
        """A table of the figures, for notebooks."""
        return to_html([{"figure": name, "value": value} for name, value in self.figures().items()])


@dataclass(frozen=True)
class Job:
    """One artifact to make."""

    name: str
    info: ModelInfo | None
    precision: str
    layout: str
    target: Path

    @property
    def label(self) -> str:
        return f"{self.name} {self.precision} {self.layout}"


def plan_jobs(config: ConvertConfig) -> list[Job]:
    """Every size in every precision and layout, with its folder.

    Raises:
        UsageError: a target exists and is something else.
    """
    models, precisions, layouts = config.models(), dict.fromkeys(config.precision), dict.fromkeys(config.layout)
    artifacts = [(*model, precision, layout) for model, precision, layout in product(models, precisions, layouts)]
    root = config.output or models_dir()
    alone = config.output is not None and len(artifacts) == 1
    if not alone and is_artifact(root):
        raise UsageError(f"{root} is an artifact, and several are to be made", "give -o another folder")
    jobs = [
        Job(
            name,
            find_size(size) if size else None,
            precision,
            layout,
            root if alone else root / artifact_name(name, precision, layout),
        )
        for name, size, precision, layout in artifacts
    ]
    for job in jobs:
        check_target(job.target)
    return jobs


def require_speech(config: ConvertConfig) -> None:
    """Refuse speech that is not there before hours of work: to calibrate with, and to judge by.

    Raises:
        UsageError: no such dataset.
        OvwError: it cannot be read.
    """
    recipes = [recipe for precision in config.precision if (recipe := config.recipe_of(precision, None))]
    if any(recipe.calibrated for recipe in recipes):
        open_dataset(config.calibration, texts=False)
    if recipes and config.gate and config.scores_words:
        open_dataset(config.gate, texts=True)


def existing(job: Job, checkpoint: Checkpoint, shapes: Shapes, config: ConvertConfig) -> Manifest | None:
    """The manifest of an artifact that already is what this job would make.

    Raises:
        OvwError: something else is in its place.
    """
    if not is_artifact(job.target):
        return None
    manifest = read_manifest(job.target)
    made_of = (manifest.name, manifest.precision, manifest.source.tensors_sha256, manifest.tools.get("ovw"))
    made_as = (manifest.layout, manifest.shapes, manifest.frontend)
    equal = made_of == (job.name, job.precision, checkpoint.tensors_sha256, ovw.__version__) and made_as == (
        job.layout,
        shapes,
        config.frontend_of(job.layout),
    )
    recipe = config.recipe_of(job.precision, job.info.name if job.info else None)
    equal = equal and same_compression(manifest, recipe, tuned=config.tune)
    equal = equal and same_speech(manifest, config)
    equal = equal and same_tokenizer(job.target, checkpoint) and same_generation(job.target, checkpoint)
    if equal and config.ggml_files(job.layout) <= set(manifest.files) and not file_problems(job.target, manifest):
        return manifest
    raise OvwError(
        f"{job.target} already holds an artifact ({manifest.name} {manifest.precision} {manifest.layout}, "
        f"{manifest.shapes})",
        "--force replaces it",
    )


def same_compression(manifest: Manifest, recipe: Recipe | None, *, tuned: bool) -> bool:
    """Whether an artifact was compressed by just this recipe, or by one that a search found from it."""
    made = manifest.compression
    found = made.recipe if made else None
    if tuned and made and made.trials:
        found = made.trials[0]["recipe"]
    return found == (recipe.describe() if recipe else None)


def same_speech(manifest: Manifest, config: ConvertConfig) -> bool:
    """Whether an artifact was calibrated and judged as is asked for.

    Public sets of speech are known by name and size, those of a path by their audio too.
    """
    made = manifest.compression
    if made is None:
        return True
    if made.calibration and not _is_set(made.calibration, config.calibration, texts=False):
        return False
    if config.tune and not made.trials:
        return False
    if config.gate is None or not config.scores_words:
        return True
    gate = made.gate
    if gate is None or gate.allowed != config.max_wer_delta or (gate.verdict == "breached" and not config.accept_wer):
        return False
    return _is_set(gate.speech, config.gate, texts=True)


def _is_set(made: SpeechSet, asked: DatasetOptions, *, texts: bool) -> bool:
    dataset = open_dataset(asked, texts=texts)
    if (made.name, made.limit) != (dataset.name, asked.limit):
        return False
    if asked.dataset in DATASETS or asked.dataset.startswith(SCHEME):
        return True
    found = {one.id: clip_sha256(one) for one in dataset if isinstance(one, Utterance) and one.id in made.audio}
    return found == made.audio


def same_tokenizer(folder: Path, checkpoint: Checkpoint) -> bool:
    """Whether an artifact has the tokenizer of a checkpoint; some layouts have none."""
    stored = folder / names.TOKENIZER
    if not stored.is_file():
        return True
    made = build_tokenizer_json(checkpoint.dims, checkpoint.tokenizer_json)
    return bool(json.loads(stored.read_text(encoding="utf-8")) == json.loads(made))


def same_generation(folder: Path, checkpoint: Checkpoint) -> bool:
    """Whether an artifact has the decoding defaults of a checkpoint; those without such a file have none."""
    stored = folder / names.GENERATION_CONFIG
    if not stored.is_file():
        return True
    made = generation_config(checkpoint, (folder / names.TOKENIZER).read_text(encoding="utf-8"))
    return bool(json.loads(stored.read_text(encoding="utf-8")) == made)
