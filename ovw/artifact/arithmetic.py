"""The part of a manifest that holds how an artifact computes outside of f32: batches, and each approximation."""

from __future__ import annotations

import base64

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict


class ManifestPart(BaseModel):
    """A frozen part of the manifest; keys of later versions are kept out rather than guessed at."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class PackedArray(ManifestPart):
    """An array in one line of text."""

    shape: tuple[int, ...]
    f16: str
    """Its values in row-major order, little-endian float16 in base64."""


def pack_array(values: NDArray[np.float32]) -> PackedArray:
    """Pack an array; values keep three digits."""
    return PackedArray(shape=values.shape, f16=base64.b64encode(values.astype("<f2").tobytes()).decode())


def unpack_array(packed: PackedArray) -> NDArray[np.float32]:
    """The array again.

    Raises:
        ValueError: its text is damaged.
    """
    values = np.frombuffer(base64.b64decode(packed.f16, validate=True), "<f2")
    return values.reshape(packed.shape).astype(np.float32)


class ProbeReference(ManifestPart):
    """Results of the artifact's own graphs in f32 over two stretches of a bundled clip.

    On any machine, whatever computes with this artifact is compared with it before it is used.
    """

    clip_sha256: str
    stretches_s: tuple[tuple[float, float], ...] = ((0.0, 2.0), (1.5, 3.5))
    """Start and end of each; the default is that of manifests that lack it."""
    tokens: list[list[int]]
    """Of each stretch: the prompt and the likeliest tokens."""
    logits: PackedArray
    """[stretches, tokens, ids]: of every 811th token id."""
    head_norms: PackedArray | None
    """[stretches, caches, heads]: root mean square of keys and values, where the caches are states of the graph."""


class RowCheck(ManifestPart):
    """Rows of batches on the machine that converted: the largest relative L2 distances of their logits."""

    batches: list[int]
    in_f32: float
    """From the same row alone, in f32."""
    in_default: float
    """From the same row alone, in the device's default arithmetic."""
    default_to_f32: float
    """Of a row alone in the default arithmetic, from f32."""
    by_others: float | None = None
    """From the same row among equal ones, in the default arithmetic; null in artifacts of before."""
    batch_to_f32: float | None = None
    """Of equal rows in the default arithmetic, from f32; null in artifacts of before."""


class ApproximationCost(ManifestPart):
    """The cost of an approximation for this artifact: fixed texts over bundled speech, with it and without it."""

    nats: float
    """Mean change of the negative log-likelihood, a token."""
    standard_error: float
    worst: float
    """The largest change of one text, nats a token."""
    licensed: bool
    """Whether the runner may use it."""


class Arithmetic(ManifestPart):
    """An artifact in the device's default arithmetic."""

    cpu: str
    capabilities: list[str]
    """Instruction sets, as OpenVINO names them."""
    precision: str
    """The default arithmetic there, such as `bf16`."""
    rows: RowCheck | None
    """Null where a batch has one row only."""
    probe: ProbeReference | None
    """Null where the shapes do not take it."""
    approximations: dict[str, ApproximationCost] | None
    """By name; null where the runner uses none with this artifact, or the weights are random."""
    words: int | None = None
    """Of the texts without approximations, decoded greedily in a batch."""
    words_changed: int | None = None
    """Of them, substituted, deleted or inserted with all licensed approximations."""

    def describe(self) -> list[str]:
        """The figures in a few lines."""
        lines = [f"computes in {self.precision} on {self.cpu}"]
        if self.rows:
            figures = f"{self.rows.in_f32:.1g} in f32, {self.rows.in_default:.1g} by default, in {self.precision}"
            lines.append(f"rows of a batch against rows alone: {figures} (relative L2)")
        for name, cost in (self.approximations or {}).items():
            verdict = "used" if cost.licensed else "not used"
            lines.append(f"{name} costs {cost.nats:+.4f} ± {cost.standard_error:.4f} nats a token: {verdict}")
        return lines

    def unlicensed(self) -> list[str]:
        """Names of the approximations that the runner may not use."""
        return [name for name, cost in (self.approximations or {}).items() if not cost.licensed]
