"""Checkpoint to verified artifact, step by step."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from ovw.artifact.manifest import Manifest, Shapes, write_manifest
from ovw.artifact.names import DEFAULT_LAYOUT
from ovw.artifact.staging import clean_up, staged_folder
from ovw.convert.arithmetic import measure_arithmetic
from ovw.convert.compression.nncf_backend import Compressor
from ovw.convert.compression.selection import CompressionSelection
from ovw.convert.config import ConvertConfig
from ovw.convert.describe import capabilities, describe, tool_versions
from ovw.convert.graphs.frontends import open_frontend
from ovw.convert.graphs.shapes import Bounds
from ovw.convert.layouts import write_layout
from ovw.convert.layouts.export import Export
from ovw.convert.parity import prove, tolerance_for
from ovw.convert.plan import SILENT, Converted, ConvertObserver, Job, existing, plan_jobs
from ovw.convert.preflight import check_room
from ovw.convert.sources.checkpoint import Checkpoint
from ovw.convert.sources.resolve import load_checkpoint
from ovw.errors import OvwError, reason
from ovw.models import Dims, ModelInfo


def convert(config: ConvertConfig, observer: ConvertObserver = SILENT) -> Iterator[Converted]:
    """Convert everything that a configuration asks for, yielding each artifact as it is in place.

    A checkpoint is loaded once for all its precisions and layouts. An artifact that cannot be made does not stop the
    others.

    Raises:
        OvwError: before the work, if there is too little memory or disk for it; behind it, if something was not made.
    """
    model: ModelConverter | None = None
    failures: list[OvwError] = []
    jobs = plan_jobs(config)
    check_room({job: job.info.dims for job in jobs if job.info}, config)
    for job in jobs:
        started = time.perf_counter()
        try:
            if model is None or model.name != job.name:
                observer.on_step(f"{job.name}: loading weights")
                model = None  # two checkpoints need not fit in memory
                model = load_model(job, config, observer)
                if job.info is None:  # only the weights have the dimensions; all jobs are made of them
                    check_room(dict.fromkeys(jobs, model.dims), config)
            made = model.convert(job, started)
        except OvwError as error:
            if len(jobs) == 1:
                raise
            failures.append(OvwError(f"{job.label}: {error.message}", error.hint))
            observer.on_failure(failures[-1])
        else:
            yield made
    if failures:
        named = "; ".join(failure.message for failure in failures)
        raise OvwError(f"{len(failures)} of {len(jobs)} artifacts were not made: {named}")


def load_model(job: Job, config: ConvertConfig, observer: ConvertObserver) -> ModelConverter:
    """The model that a job is about."""
    checkpoint = load_checkpoint(job.info, config.weights, offline=config.offline, on_progress=observer.on_download)
    return ModelConverter(job.name, job.info, checkpoint, config, observer)


class ModelConverter:
    """A loaded checkpoint and what is made of it.

    Args:
        name: what its artifacts are called after.
        info: of its size, if it is an official one.
        checkpoint: the weights.
        config: the request.
        observer: callbacks for progress.
    """

    def __init__(
        self,
        name: str,
        info: ModelInfo | None,
        checkpoint: Checkpoint,
        config: ConvertConfig,
        observer: ConvertObserver,
    ) -> None:
        self.name, self._info, self._checkpoint = name, info, checkpoint
        self._config, self._observer = config, observer
        size = info.name if info else None
        self._compressions = CompressionSelection(checkpoint, size, config, self._make_for_scoring, self._step)

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
        if not self._config.force and (present := existing(job, self._checkpoint, shapes, self._config)):
            return Converted(job.target, present, time.perf_counter() - started, fresh=False)
        compressor = self._compressions.compressor_of(job.precision)
        with staged_folder(job.target) as folder:
            manifest = self._make(folder, job, shapes, compressor)
            if compressor:
                is_default = job.layout == DEFAULT_LAYOUT and shapes == self._default_shapes()
                compression = self._compressions.judged(job.precision, folder if is_default else None)
                manifest = manifest.model_copy(update={"compression": compression})
                write_manifest(manifest, folder)
        return Converted(job.target, manifest, time.perf_counter() - started, fresh=True)

    def _make(
        self,
        folder: Path,
        job: Job,
        shapes: Shapes,
        compressor: Compressor | None,
        *,
        for_scoring: bool = False,
    ) -> Manifest:
        """Export, prove, describe; batches and approximations are not measured for an artifact that is only scored."""
        checkpoint = self._checkpoint
        self._step(f"writing {job.precision} {job.layout}")
        export = write(folder, job, checkpoint, shapes, self._config, compressor)
        self._step(f"comparing {job.precision} {job.layout} with PyTorch")
        frontend = self._config.frontend_of(job.layout)
        with _explained("run"):
            proof = prove(folder, checkpoint, tolerance_for(checkpoint, job.precision), job.layout, shapes)
            arithmetic = None
            if job.layout != "whispercpp" and not for_scoring:
                self._step(f"measuring {job.precision} {job.layout} in batches and approximations")
                args = (folder, job.layout, frontend, shapes, checkpoint.dims)
                arithmetic = measure_arithmetic(*args, approximations=checkpoint.kind != "random")
        self._step(f"hashing {job.precision} {job.layout}")
        can = capabilities(self._info, checkpoint)
        manifest = describe(folder, export, frontend, can, proof, arithmetic)
        write_manifest(manifest, folder)
        return manifest

    def _make_for_scoring(self, folder: Path, precision: str, compressor: Compressor | None) -> None:
        job = Job(self.name, self._info, precision, DEFAULT_LAYOUT, folder)
        self._make(folder, job, self._default_shapes(), compressor, for_scoring=True)

    def _default_shapes(self) -> Shapes:
        return Bounds().resolve(self._checkpoint.dims, DEFAULT_LAYOUT)

    def _step(self, text: str) -> None:
        self._observer.on_step(f"{self.name}: {text}")


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
    metadata = {"name": job.name, "precision": job.precision, "layout": job.layout, "shapes": str(shapes)}
    with TemporaryDirectory(prefix=".scratch-", dir=folder) as scratch, _explained("make"):
        export = Export(
            name=job.name,
            layout=job.layout,
            checkpoint=checkpoint,
            precision=job.precision,
            shapes=shapes,
            frontend=open_frontend(frontend, checkpoint, Path(scratch)),
            scratch=Path(scratch),
            compressor=compressor,
            metadata=metadata | {"frontend": frontend} | tool_versions(job.layout, job.precision),
            ggml_names=tuple(config.ggml_stems()),
        )
        write_layout(folder, export)
    return export


@contextmanager
def _explained(what: str) -> Iterator[None]:
    """Report OpenVINO's failures in one line; the staging folder reports those of the disk.

    Raises:
        OvwError: OpenVINO failed.
    """
    try:
        yield
    except RuntimeError as error:
        raise OvwError(f"OpenVINO cannot {what} the IR: {reason(error)}", "-v shows more; please report it") from error
