"""OpenAI's `.pt` checkpoints: a dict of dims and state dict, read without executing anything."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ovw.artifact.hashing import file_sha256
from ovw.convert.sources.checkpoint import Checkpoint
from ovw.errors import OvwError
from ovw.models import Dims

if TYPE_CHECKING:
    import torch


def read_openai(path: Path, sha256: str | None = None) -> Checkpoint:
    """Read a `.pt` file as openai/whisper publishes and saves it.

    Args:
        path: the file.
        sha256: its hash if already known.

    Raises:
        OvwError: not such a file, or one that would run code when loaded.
    """
    import torch

    try:
        data = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        dims = Dims(**data["dims"])
        state = data["model_state_dict"]
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, KeyError, TypeError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise OvwError(
            f"{path} is not an OpenAI Whisper checkpoint: {reason}", "expected dims and model_state_dict"
        ) from None
    tensors = {name: _to_numpy(tensor) for name, tensor in state.items() if not name.endswith("alignment_heads")}
    return Checkpoint(dims, tensors, "openai", path.name, sha256 or file_sha256(path))


def _to_numpy(tensor: torch.Tensor) -> NDArray[np.floating]:
    wide = str(tensor.dtype) == "torch.bfloat16"  # which NumPy does not have
    return np.asarray((tensor.float() if wide else tensor).numpy())
