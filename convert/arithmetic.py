"""The gate in the arithmetic that runs: what `parity` proves in f32, measured in the device's default arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ovw.artifact.arithmetic import Arithmetic, ProbeReference, RowCheck
from ovw.artifact.layouts import layout_row
from ovw.artifact.manifest import Shapes
from ovw.artifact.masks import decoders_without_batch
from ovw.errors import NotEqualError
from ovw.memory import give_back
from ovw.models import Dims
from ovw.runtime.device import EXACT, DeviceOptions, capabilities, cpu_name
from ovw.runtime.sessions import open_decoder, open_encoder
from ovw.transcribe.checks.licence import measure_licence
from ovw.transcribe.checks.probe import make_reference, probe_mels, takes_probe
from ovw.transcribe.checks.rows import (
    BATCHES,
    SAME_IN_F32,
    Logits,
    batch_fault,
    fed_batch,
    fed_equal,
    largest_distance,
)
from ovw.transcribe.model_sessions import fast_path_takes
from ovw.transcribe.selftest import clip_mel, golden_prompt
from ovw.transcribe.tokenizer import Tokenizer

POSITIONS = 120
"""Of the audio that rows attend to, where the shapes leave that open: enough for the speech of the probe."""
SHIFT = 100
"""Frames between the two windows of artifacts that do not take the probe."""


@dataclass
class _Rows:
    """Rows in one arithmetic.

    Attributes:
        reference: what was fed.
        precision: the arithmetic.
        alone: logits of each window alone.
        equal: logits of each window among equal rows, for each size of batch.
        from_alone: largest distance of a row in a batch from the same row alone.
        from_equal: largest distance of a row in a batch from the same row among equal ones.
    """

    reference: ProbeReference
    precision: str
    alone: list[Logits]
    equal: list[list[Logits]] = field(default_factory=list)
    from_alone: float = 0.0
    from_equal: float = 0.0


def measure_arithmetic(
    folder: Path,
    layout: str,
    frontend: str,
    shapes: Shapes,
    dims: Dims,
    *,
    approximations: bool,
) -> Arithmetic:
    """Compare rows of batches with rows alone, in f32 and in the default arithmetic; measure the approximations.

    Args:
        folder: with every file but the manifest.
        layout: of the folder, one with a decoder.
        frontend: what its graphs came from.
        shapes: what its graphs take.
        dims: of the model.
        approximations: measure these too, where the runner uses any; not for random weights.

    Raises:
        NotEqualError: a batch changes what is computed for a row; the message holds the figures.
    """
    found = measure_batches(folder, layout, shapes, dims)
    if not (approximations and fast_path_takes(layout, frontend, shapes.kind)):
        return found
    licence = measure_licence(folder, dims, DeviceOptions())
    if licence is None:
        return found
    figures = {"approximations": licence.costs, "words": licence.words, "words_changed": licence.words_changed}
    return found.model_copy(update=figures)


def measure_batches(folder: Path, layout: str, shapes: Shapes, dims: Dims) -> Arithmetic:
    """Compare rows of batches with rows alone; arguments and errors as `measure_arithmetic`.

    Batches of 2, 5 and 16 rows in which different and equal windows take turns: prompts into an empty cache, tokens
    into a filled one, after rows changed places and, where a decoder allows that, after rows have left.
    """
    require_batch_axis(folder)
    encoder = open_encoder(folder, layout, EXACT)
    audio = [np.array(encoder(mel)[0]) for mel in _windows(shapes, dims)]
    del encoder
    give_back()
    exact = _measure_rows(folder, layout, shapes, audio, EXACT, None)
    default = exact
    if layout_row(layout).runtime == "openvino":  # onnxruntime has no other arithmetic
        default = _measure_rows(folder, layout, shapes, audio, DeviceOptions(), exact.reference)
    batches = _batches(shapes)
    rows = RowCheck(
        batches=batches,
        in_f32=exact.from_alone,
        in_default=default.from_alone,
        default_to_f32=largest_distance(default.alone, exact.alone),
        by_others=default.from_equal,
        batch_to_f32=max((largest_distance(equal, exact.alone) for equal in default.equal), default=0.0),
    )
    require_equal_rows(rows, default.precision)
    return Arithmetic(
        cpu=cpu_name(),
        capabilities=capabilities(),
        precision=default.precision,
        rows=rows if batches else None,
        probe=exact.reference if takes_probe(shapes, dims) and layout_row(layout).runtime == "openvino" else None,
        approximations=None,
    )


def require_batch_axis(folder: Path) -> None:
    """Refuse a decoder whose rows share one mask: a fault that no CPU without bf16 would show.

    Raises:
        NotEqualError: there is such a mask.
    """
    if wrong := decoders_without_batch(folder):
        raise NotEqualError(
            f"{wrong[0]}: the mask of self attention has no batch axis", "nothing was written; please report it"
        )


def require_equal_rows(rows: RowCheck, precision: str) -> None:
    """Refuse a batch that changes its rows.

    Raises:
        NotEqualError: by more than is allowed, or NaN.
    """
    hint = "nothing was written; please report it"
    if not rows.in_f32 <= SAME_IN_F32:
        seen = f"{rows.in_f32:.2g} in f32, {SAME_IN_F32:.2g} is allowed"
        raise NotEqualError(f"rows of a batch differ from the same rows alone: {seen}", hint)
    if fault := batch_fault(rows.by_others or 0.0, rows.batch_to_f32 or 0.0, rows.default_to_f32):
        raise NotEqualError(f"in {precision}, {fault}", hint)


def _measure_rows(
    folder: Path,
    layout: str,
    shapes: Shapes,
    audio: Sequence[NDArray[np.float32]],
    options: DeviceOptions,
    reference: ProbeReference | None,
) -> _Rows:
    """Rows alone and in batches in one arithmetic, over the same encoded windows [S, state] in each."""
    decoder = open_decoder(folder, layout, options)
    prompt = golden_prompt(Tokenizer.from_artifact(folder))
    reference = reference or make_reference(decoder, audio, prompt, least(shapes))
    if shapes.kind == "dynamic":
        audio = [hidden[:POSITIONS] for hidden in audio]
    pairs = list(zip(audio, reference.tokens, strict=True))
    rows = _Rows(
        reference,
        decoder.precision,
        [fed_equal(decoder, *pair, least(shapes)) for pair in pairs],
    )
    for size in _batches(shapes):
        order = [row % len(pairs) for row in range(size)]
        found = fed_batch(decoder, audio, reference.tokens, order)
        rows.from_alone = max(rows.from_alone, largest_distance(found, [rows.alone[w] for w in order]))
        if not options.in_f32:
            equal = [fed_equal(decoder, *pair, size) for pair in pairs]
            rows.from_equal = max(rows.from_equal, largest_distance(found, [equal[w] for w in order]))
            rows.equal.append(equal)
    del decoder
    give_back()
    return rows


def _batches(shapes: Shapes) -> list[int]:
    low, high = shapes.batch
    if low > 1:
        return [low]
    return [rows for rows in BATCHES if high < 0 or rows <= high]


def least(shapes: Shapes) -> int:
    """Rows that a decoder takes at least."""
    return max(shapes.batch[0], 1)


def _windows(shapes: Shapes, dims: Dims) -> list[NDArray[np.float32]]:
    """Two windows that the encoder takes, [B, n_mels, frames] each."""
    if takes_probe(shapes, dims):
        return probe_mels(dims)
    mel = clip_mel(dims, shapes)
    return [mel, np.roll(mel, -SHIFT, axis=2)]
