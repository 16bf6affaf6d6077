"""Checkpoint to verified artifact, step by step."""

from __future__ import annotations

import time
from collections.abc import Iterator

from ovw.artifact.locate import check_not_made_meanwhile, check_target_again
from ovw.artifact.manifest import write_manifest
from ovw.artifact.names import DEFAULT_LAYOUT
from ovw.artifact.staging import clean_up, staged_folder
from ovw.convert.builder import ArtifactBuilder
from ovw.convert.compression.selection import CompressionSelection
from ovw.convert.config import ConvertConfig
from ovw.convert.plan import SILENT, Converted, ConvertObserver, Job, existing, plan_jobs, require_speech
from ovw.convert.preflight import check_room
from ovw.convert.sources.resolve import load_checkpoint
from ovw.errors import OvwError
from ovw.models import Dims


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
    require_speech(config)
    check_room({job: job.info.dims for job in jobs if job.info}, config)
    for job in jobs:
        started = time.perf_counter()
        try:
            if model is None or model.name != job.name:
                observer.on_step(f"{job.name}: loading weights")
                model = None  # two checkpoints need not fit in memory
                loaded = load_model(job, config, observer)
                if job.info is None:  # only the weights have the dimensions; all jobs are made of them
                    check_room(dict.fromkeys(jobs, loaded.dims), config)
                model = loaded
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

    def on_step(text: str) -> None:
        observer.on_step(f"{job.name}: {text}")

    return ModelConverter(ArtifactBuilder(job.name, job.info, checkpoint, config, on_step))


class ModelConverter:
    """A loaded checkpoint and what is made of it.

    Args:
        builder: of its artifacts.
    """

    def __init__(self, builder: ArtifactBuilder) -> None:
        self.name, self._builder = builder.name, builder
        self._checkpoint, self._config = builder.checkpoint, builder.config
        self._compressions = CompressionSelection(builder)

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
            check_not_made_meanwhile(job.target, force=self._config.force)
            manifest = self._builder.build(folder, job.precision, job.layout, shapes, compressor)
            if compressor:
                is_default = (job.layout, shapes) == (DEFAULT_LAYOUT, self._builder.default_shapes())
                compression = self._compressions.judged(job.precision, folder if is_default else None)
                manifest = manifest.model_copy(update={"compression": compression})
                write_manifest(manifest, folder)
            check_target_again(folder, job.target)
        return Converted(job.target, manifest, time.perf_counter() - started, fresh=True)
