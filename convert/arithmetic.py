"""The gate in the arithmetic that runs: what `parity` proves in f32, measured in the device's default arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ovw.artifact.arithmetic import Arithmetic, ProbeReference, RowCheck
from ovw.artifact.manifest import Shapes
from ovw.artifact.masks import decoders_without_batch
from ovw.errors import NotEqualError
from ovw.memory import give_back
from ovw.models import Dims
from ovw.runtime.device import EXACT, DeviceOptions, capabilities, cpu_name, inference_precision
from ovw.runtime.protocols import Decoder
from ovw.runtime.sessions import open_layout_decoder, open_layout_encoder
from ovw.transcribe.checks.licence import measure_licence
from ovw.transcribe.checks.probe import make_reference, probe_mels, takes_probe
from ovw.transcribe.checks.rows import (
    BATCHES,
    SAME_IN_F32,
    SHARE_OF_ARITHMETIC,
    Logits,
    batch_distance,
    fed_alone,
    relative_l2,
)
from ovw.transcribe.model_sessions import is_specialisable
from ovw.transcribe.selftest import clip_mel, golden_prompt
from ovw.transcribe.tokenizer import Tokenizer

POSITIONS = 120
"""Of the audio that rows attend to, where the shapes leave that open: enough for the speech of the probe."""
SHARES = {"int4": 1.0}
"""As `SHARE_OF_ARITHMETIC`. With weights of 4 bits, bf16 rows of a batch were seen half as far from rows alone as these
are from f32, in some runs and not in others; in f32 they are equal. It is not explained yet."""
SHIFT = 100
"""Frames between the two windows of artifacts that do not take the probe."""


@dataclass(frozen=True)
class _Rows:
    """Rows in one arithmetic: each window alone, and the largest distance of a batch from that."""

    reference: ProbeReference
    alone: list[Logits]
    distance: float
    precision: str


def measure_arithmetic(
    folder: Path,
    layout: str,
    frontend: str,
    shapes: Shapes,
    dims: Dims,
    *,
    precision: str = "fp16",
    approximations: bool,
) -> Arithmetic:
    """Compare rows of batches with rows alone, in f32 and in the default arithmetic; measure the approximations.

    Args:
        folder: with every file but the manifest.
        layout: of the folder, one with a decoder.
        frontend: what its graphs came from.
        shapes: what its graphs take.
        dims: of the model.
        precision: of the weights.
        approximations: measure these too, where the runner uses any; not for random weights.

    Raises:
        NotEqualError: a batch changes what is computed for a row; the message holds the figures.
    """
    found = measure_batches(folder, layout, shapes, dims, precision)
    if not (approximations and is_specialisable(layout, frontend, shapes.kind)):
        return found
    licence = measure_licence(folder, dims, DeviceOptions())
    if licence is None:
        return found
    figures = {"approximations": licence.costs, "words": licence.words, "words_changed": licence.words_changed}
    return found.model_copy(update=figures)


def measure_batches(folder: Path, layout: str, shapes: Shapes, dims: Dims, precision: str = "fp16") -> Arithmetic:
    """Compare rows of batches with rows alone; arguments and errors as `measure_arithmetic`.

    Batches of 2, 5 and 16 rows in which different and equal windows take turns: prompts into an empty cache, tokens
    into a filled one, after rows changed places and, where a decoder allows that, after rows have left.
    """
    require_batch_axis(folder)
    encoder = open_layout_encoder(folder, layout, EXACT)
    audio = [np.array(encoder(mel)[0]) for mel in _windows(shapes, dims)]
    del encoder
    give_back()
    exact = _measure_rows(folder, layout, shapes, audio, EXACT, None)
    default = exact
    if layout != "onnx":  # onnxruntime has no other arithmetic
        default = _measure_rows(folder, layout, shapes, audio, DeviceOptions(), exact.reference)
    batches = _batches(shapes)
    rows = RowCheck(
        batches=batches,
        in_f32=exact.distance,
        in_default=default.distance,
        default_to_f32=max(relative_l2(d, e) for d, e in zip(default.alone, exact.alone, strict=True)),
    )
    require_equal_rows(rows, default.precision, SHARES.get(precision, SHARE_OF_ARITHMETIC))
    return Arithmetic(
        cpu=cpu_name(),
        capabilities=capabilities(),
        precision=default.precision,
        rows=rows if batches else None,
        probe=exact.reference if takes_probe(shapes, dims) and layout != "onnx" else None,
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


def require_equal_rows(rows: RowCheck, precision: str, share: float = SHARE_OF_ARITHMETIC) -> None:
    """Refuse a batch that changes its rows.

    Raises:
        NotEqualError: by more than is allowed, or NaN.
    """
    allowed = max(SAME_IN_F32, share * rows.default_to_f32)
    if rows.in_f32 <= SAME_IN_F32 and rows.in_default <= allowed:
        return
    raise NotEqualError(
        f"rows of a batch differ from the same rows alone: {rows.in_f32:.2g} in f32 (allowed {SAME_IN_F32:g}), "
        f"{rows.in_default:.2g} in {precision} (allowed {allowed:.2g})",
        "nothing was written; please report it",
    )


def _measure_rows(
    folder: Path,
    layout: str,
    shapes: Shapes,
    audio: Sequence[NDArray[np.float32]],
    options: DeviceOptions,
    reference: ProbeReference | None,
) -> _Rows:
    """Rows alone and in batches in one arithmetic, over the same encoded windows [S, state] in each."""
    decoder = open_layout_decoder(folder, layout, options)
    prompt = golden_prompt(Tokenizer.from_artifact(folder))
    reference = reference or make_reference(decoder, audio, prompt, least(shapes))
    if shapes.kind == "dynamic":
        audio = [hidden[:POSITIONS] for hidden in audio]
    compiled = getattr(decoder, "compiled", None)
    precision = inference_precision(compiled) if compiled else "f32"
    alone = [fed_alone(decoder, *pair, least(shapes)) for pair in zip(audio, reference.tokens, strict=True)]
    found = _Rows(reference, alone, _largest(decoder, audio, reference.tokens, alone, shapes), precision)
    del decoder
    give_back()
    return found


def _largest(
    decoder: Decoder,
    audio: Sequence[NDArray[np.float32]],
    sequences: Sequence[Sequence[int]],
    alone: Sequence[Logits],
    shapes: Shapes,
) -> float:
    """The largest distance of a row in any batch."""
    orders = [[i % len(audio) for i in range(rows)] for rows in _batches(shapes)]
    return max((batch_distance(decoder, audio, sequences, alone, order) for order in orders), default=0.0)


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
