"""Checkpoint to verified artifact, step by step."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import ovw
from ovw.artifact.check import file_problems
from ovw.artifact.locate import check_target, is_artifact
from ovw.artifact.manifest import Compression, Manifest, Shapes, read_manifest, write_manifest
from ovw.artifact.names import DEFAULT_LAYOUT, artifact_name
from ovw.artifact.staging import clean_up, staged_folder
from ovw.convert.compress import Compressor
from ovw.convert.compressions import Compressions
from ovw.convert.describe import capabilities, describe, tool_versions
from ovw.convert.frontends import open_frontend
from ovw.convert.layouts import write_layout
from ovw.convert.layouts.export import Export
from ovw.convert.parity import prove, tolerance_for
from ovw.convert.plan import ConvertConfig
from ovw.convert.preflight import check_room
from ovw.convert.recipe import Recipe
from ovw.convert.shapes import Bounds
from ovw.convert.sources.checkpoint import Checkpoint
from ovw.convert.sources.download import Progress, ignore
from ovw.convert.sources.resolve import load_checkpoint
from ovw.errors import OvwError, reason
from ovw.home import models_dir
from ovw.models import Dims, ModelInfo, find_size


@dataclass(frozen=True)
class Observer:
    """Told of progress; both calls may be ignored.

    Attributes:
        on_step: what begins now, in a few words.
        on_download: bytes done and bytes in all.
    """

    on_step: Callable[[str], None] = lambda text: None
    on_download: Progress = ignore


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


def convert(config: ConvertConfig, observer: Observer = Observer()) -> Iterator[Converted]:
    """Convert everything that a configuration asks for, yielding each artifact as it is in place.

    A checkpoint is loaded once for all its precisions and layouts.

    Raises:
        OvwError: before the work, if there is too little memory or disk for it; at the first artifact that cannot be
            made, and those before it stay.
    """
    model: Model | None = None
    jobs = plan_jobs(config)
    check_room({job: job.info.dims for job in jobs if job.info}, config)
    for job in jobs:
        started = time.perf_counter()
        if model is None or model.name != job.name:
            observer.on_step(f"{job.name}: loading weights")
            model = None  # two checkpoints need not fit in memory
            model = load_model(job, config, observer)
            if job.info is None:  # only the weights tell the dimensions; all jobs are made of them
                check_room(dict.fromkeys(jobs, model.dims), config)
        yield model.convert(job, started)


def load_model(job: Job, config: ConvertConfig, observer: Observer) -> Model:
    """The model that a job is about."""
    checkpoint = load_checkpoint(job.info, config.weights, offline=config.offline, on_progress=observer.on_download)
    return Model(job.name, job.info, checkpoint, config, observer)


class Model:
    """A loaded checkpoint and what is made of it.

    Args:
        name: what its artifacts are called after.
        info: of its size, if it is an official one.
        checkpoint: the weights.
        config: the request.
        observer: told what happens.
    """

    def __init__(
        self, name: str, info: ModelInfo | None, checkpoint: Checkpoint, config: ConvertConfig, observer: Observer
    ) -> None:
        self.name, self._info, self._checkpoint = name, info, checkpoint
        self._config, self._observer = config, observer
        size = info.name if info else None
        self._compressions = Compressions(checkpoint, size, config, self._make_to_listen, self._step)

    @property
    def dims(self) -> Dims:
        return self._checkpoint.dims

    def convert(self, job: Job, started: float) -> Converted:
        """Make one artifact and put it in place.

        Raises:
            OvwError: it exists and differs, it cannot be written, or the WER gate or the parity gate refuses it.
        """
        shapes = self._config.bounds().resolve(self._checkpoint.dims, job.layout)
        clean_up(job.target)
        if not self._config.force and (present := existing(job, self._checkpoint.tensors_sha256, shapes, self._config)):
            return Converted(job.target, present, time.perf_counter() - started, fresh=False)
        compressor, compression = self._compressions.of(job.precision)
        with staged_folder(job.target) as folder:
            manifest = self._make(folder, job, shapes, compressor, compression)
        return Converted(job.target, manifest, time.perf_counter() - started, fresh=True)

    def _make(
        self, folder: Path, job: Job, shapes: Shapes, compressor: Compressor | None, compression: Compression | None
    ) -> Manifest:
        """Export, prove, describe."""
        checkpoint = self._checkpoint
        self._step(f"writing {job.precision} {job.layout}")
        export = write(folder, job, checkpoint, shapes, self._config, compressor)
        self._step(f"comparing {job.precision} {job.layout} with PyTorch")
        with _told("run"):
            proof = prove(folder, checkpoint, tolerance_for(checkpoint, job.precision), job.layout, shapes)
        self._step(f"hashing {job.precision} {job.layout}")
        can = capabilities(self._info, checkpoint)
        manifest = describe(folder, export, self._config.frontend_of(job.layout), can, proof, compression)
        write_manifest(manifest, folder)
        return manifest

    def _make_to_listen(self, folder: Path, precision: str, compressor: Compressor | None) -> None:
        job = Job(self.name, self._info, precision, DEFAULT_LAYOUT, folder)
        self._make(folder, job, Bounds().resolve(self._checkpoint.dims, DEFAULT_LAYOUT), compressor, None)

    def _step(self, text: str) -> None:
        self._observer.on_step(f"{self.name}: {text}")


def existing(job: Job, weights_hash: str, shapes: Shapes, config: ConvertConfig) -> Manifest | None:
    """The manifest of an artifact that already is what this job would make.

    Raises:
        OvwError: something else is in its place.
    """
    if not is_artifact(job.target):
        return None
    manifest = read_manifest(job.target)
    made_of = (manifest.name, manifest.precision, manifest.source.tensors_sha256, manifest.tools.get("ovw"))
    made_as = (manifest.layout, manifest.shapes, manifest.frontend)
    equal = made_of == (job.name, job.precision, weights_hash, ovw.__version__) and made_as == (
        job.layout,
        shapes,
        config.frontend_of(job.layout),
    )
    equal = equal and same_compression(manifest, config.recipe_of(job.precision, job.info.name if job.info else None))
    if equal and config.ggml_files(job.layout) <= set(manifest.files) and not file_problems(job.target, manifest):
        return manifest
    raise OvwError(
        f"{job.target} already holds an artifact ({manifest.name} {manifest.precision} {manifest.layout}, "
        f"{manifest.shapes})",
        "--force replaces it",
    )


def same_compression(manifest: Manifest, recipe: Recipe | None) -> bool:
    """Whether an artifact was compressed by just this recipe."""
    found = manifest.compression.recipe if manifest.compression else None
    return found == (recipe.facts() if recipe else None)


def write(
    folder: Path,
    job: Job,
    checkpoint: Checkpoint,
    shapes: Shapes,
    config: ConvertConfig,
    compressor: Compressor | None,
) -> Export:
    """Write the layout's files."""
    frontend = config.frontend_of(job.layout)
    facts = {"name": job.name, "precision": job.precision, "layout": job.layout, "shapes": str(shapes)}
    with TemporaryDirectory(prefix=".scratch-", dir=folder) as scratch, _told("make"):
        export = Export(
            name=job.name,
            layout=job.layout,
            checkpoint=checkpoint,
            precision=job.precision,
            shapes=shapes,
            frontend=open_frontend(frontend, checkpoint, Path(scratch)),
            scratch=Path(scratch),
            compressor=compressor,
            facts=facts | {"frontend": frontend} | tool_versions(job.layout, job.precision),
            ggml_names=tuple(config.ggml_stems()),
        )
        write_layout(folder, export)
    return export


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Tell OpenVINO's failures in one line; those of the disk, the staging folder tells.

    Raises:
        OvwError: OpenVINO failed.
    """
    try:
        yield
    except RuntimeError as error:
        raise OvwError(f"OpenVINO cannot {what} the IR: {reason(error)}", "-v shows more; please report it") from error
