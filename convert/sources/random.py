"""Seeded random weights of true dimensions: shape, speed and structure work without a download."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ovw.convert.sources.checkpoint import Checkpoint, tensor_shapes
from ovw.convert.sources.disk_tensors import DiskTensors
from ovw.models import Dims

SEED = 20220921
BIAS_FAN_IN = 2500
"""Biases are drawn small, with a standard deviation of 0.02."""


def random_checkpoint(dims: Dims, folder: Path | None = None) -> Checkpoint:
    """Weights drawn per tensor from its name, so that a tensor is the same whatever else the model holds.

    Matrices are scaled by their fan-in, so activations keep a sane size at any depth and parity figures mean something.

    Args:
        dims: of the model.
        folder: where the tensors are kept; by default in memory.
    """
    drawn = ((name, _tensor(name, shape)) for name, shape in tensor_shapes(dims).items())
    return Checkpoint(dims, DiskTensors(drawn, folder) if folder else dict(drawn), "random", "random")


def _tensor(name: str, shape: tuple[int, ...]) -> NDArray[np.floating]:
    if name == "encoder.positional_embedding":
        return sinusoids(*shape).astype(np.float16)
    if name.endswith(("ln.weight", "ln_post.weight")):
        return np.ones(shape, np.float16)
    rng = np.random.default_rng([SEED, zlib.crc32(name.encode())])
    fan_in = int(np.prod(shape[1:])) if len(shape) > 1 else BIAS_FAN_IN
    values = rng.standard_normal(shape, np.float32)
    values /= np.sqrt(np.float32(fan_in))
    return values.astype(np.float16)


def sinusoids(length: int, channels: int, max_timescale: float = 10_000.0) -> NDArray[np.float32]:
    """The encoder's fixed positions: sines, then cosines, of geometrically spaced timescales, [length, channels]."""
    step = np.log(max_timescale) / (channels // 2 - 1)
    rates = np.exp(-step * np.arange(channels // 2))
    angles = np.arange(length)[:, None] * rates[None, :]
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1).astype(np.float32)
