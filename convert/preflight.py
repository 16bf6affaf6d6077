"""Whether there is room for a conversion, in memory and on disk, before it begins."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from math import prod
from typing import TYPE_CHECKING

from ovw.artifact.layouts import layout_row
from ovw.artifact.locate import is_artifact
from ovw.artifact.names import DEFAULT_LAYOUT
from ovw.artifact.precisions import precision_row
from ovw.convert.sources.checkpoint import tensor_shapes
from ovw.errors import OvwError
from ovw.memory import free_memory
from ovw.models import Dims, sizes

if TYPE_CHECKING:
    from ovw.convert.config import ConvertConfig
    from ovw.convert.plan import Job

JUDGE = ("fp32", DEFAULT_LAYOUT)
"""Precision and layout of what a compressed artifact is judged by."""
TOKENIZER_BYTES = 8_000_000
PROGRAM_BYTES = 700_000_000
"""torch, transformers and OpenVINO, and what a window of audio takes on its way through."""
ONNX_PEAK = 19
ONNX_PEAK_BESIDE = 13
"""Bytes for each weight that goes through `torch.onnx`: in one message, and in files beside it."""
MESSAGE_BYTES = 1 << 31
"""Characters that fit into one message."""


def check_room(jobs: Mapping[Job, Dims], config: ConvertConfig) -> None:
    """Refuse before the work what will not fit; what is in place already needs nothing.

    Args:
        jobs: with the dimensions of their models.
        config: what was asked for.

    Raises:
        OvwError: too little memory for one of them, or too little disk for all.
    """
    todo = {job: dims for job, dims in jobs.items() if config.force or not is_artifact(job.target)}
    if todo:
        _check_disk(todo)
        _check_scratch(todo, config)
        if not config.skip_memory_check:
            _check_memory(todo, config)


def _check_disk(jobs: Mapping[Job, Dims]) -> None:
    """New artifacts add up; of those that replace another, one is there twice at a time."""
    new, twice = 0, 0
    for job, dims in jobs.items():
        size = artifact_bytes(dims, job.precision, job.layout)
        new, twice = (new, max(twice, size)) if is_artifact(job.target) else (new + size, twice)
    target = next(iter(jobs)).target.absolute()
    what = str(target) if len(jobs) == 1 else f"what goes to {target.parent}"
    parent = next(p for p in target.parents if p.exists())
    free = shutil.disk_usage(parent).free
    if free < new + twice:
        raise OvwError(
            f"{what} needs {(new + twice) / 1e6:.0f} MB, {parent} has {free / 1e6:.0f} MB free",
            "choose another folder with -o",
        )


def _check_scratch(jobs: Mapping[Job, Dims], config: ConvertConfig) -> None:
    """Refuse where the folder for temporary files has no room for the fp32 artifact to judge by."""
    needed = max((artifact_bytes(dims, *JUDGE) for job, dims in jobs.items() if _is_judged(job, config)), default=0)
    folder = tempfile.gettempdir()
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise OvwError(
            f"the fp32 model to judge by needs {needed / 1e6:.0f} MB, {folder} has {free / 1e6:.0f} MB free",
            "set TMPDIR to a folder with room, or leave the judgement out with --gate none",
        )


def _check_memory(jobs: Mapping[Job, Dims], config: ConvertConfig) -> None:
    free = free_memory()
    needs = {job: _need(dims, job, config) for job, dims in jobs.items()}
    worst = max(needs, key=lambda job: needs[job])
    if free is None or needs[worst] <= free.bytes:
        return
    others = {name: _need(info.dims, worst, config) for name, info in sizes().items()}
    fitting = [name for name, need in others.items() if need <= free.bytes]
    smaller = f"take a smaller size ({max(fitting, key=others.__getitem__)} fits)" if fitting else "free some memory"
    raise OvwError(
        f"{worst.label} needs {needs[worst] / 1e9:.1f} GB of memory, {free.bytes / 1e9:.1f} GB is free {free.where}",
        f"{smaller}, or try it with --skip-memory-check",
    )


def _need(dims: Dims, job: Job, config: ConvertConfig) -> int:
    held = config.weights != "random"
    made = [(job.precision, job.layout), *([JUDGE] if _is_judged(job, config) else [])]
    return max(memory_bytes(dims, *one, config.frontend_of(one[1]), held=held) for one in made)


def _is_judged(job: Job, config: ConvertConfig) -> bool:
    """Whether an fp32 artifact is made too, to judge the job's by."""
    return config.scores_words and config.recipe_of(job.precision, None) is not None


def artifact_bytes(dims: Dims, precision: str, layout: str) -> int:
    """Room on disk that making an artifact takes."""
    weights = sum(_weights(dims)) * precision_row(precision).bytes_per_weight
    return layout_row(layout).weight_copies * weights + TOKENIZER_BYTES


def memory_bytes(dims: Dims, precision: str, layout: str, frontend: str, *, held: bool) -> int:
    """An estimate of the peak memory of a conversion, a little above what was measured.

    One half of the model is in memory at a time, in f32 and, while it runs, as it is stored: so many bytes for each
    weight of the half that needs more. Peaks (`ru_maxrss`, x86-64 Linux, random weights) that the figures come from
    stand in `tests/unit/test_preflight.py`.

    Args:
        dims: of the model.
        precision: of the stored weights.
        layout: of the artifact.
        frontend: `onnx` holds the exported graph several times over.
        held: whether the checkpoint stays in memory, or mapped, beside it.
    """
    encoder, decoder = _weights(dims)
    if frontend == "onnx":
        per_encoder, per_decoder = _export_peak(encoder), _export_peak(decoder)
    else:
        per_encoder, per_decoder = precision_row(precision).peaks
    row = layout_row(layout)
    per_decoder = per_decoder + row.decoder_peak if row.decodes else 0
    worst = max(per_encoder * encoder, per_decoder * decoder)
    return int(PROGRAM_BYTES + worst + held * 2 * (encoder + decoder))


def _export_peak(weights: int) -> float:
    return ONNX_PEAK if 4 * weights < MESSAGE_BYTES else ONNX_PEAK_BESIDE


def _weights(dims: Dims) -> tuple[int, int]:
    """Number of values in encoder and decoder."""
    counts = {"encoder": 0, "decoder": 0}
    for name, shape in tensor_shapes(dims).items():
        counts[name.partition(".")[0]] += prod(shape)
    return counts["encoder"], counts["decoder"]
