"""PyTorch's own files, read without executing anything."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ovw.errors import reason

if TYPE_CHECKING:
    import torch


def load_pickle(path: Path) -> Any:
    """The contents of a `torch.save` file, tensors left on disk where the file's form allows it (the old one does not).

    Raises:
        ValueError: not such a file, or one that holds more than tensors and plain values.
    """
    import torch

    try:
        return torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except pickle.UnpicklingError as error:
        # PyTorch's own words for both cases advise to load the file unsafely
        if "Unsupported global" in str(error) or "GLOBAL" in str(error):
            raise ValueError("loading it would run code that it holds; nothing but tensors is read") from error
        raise ValueError("it is not a file of PyTorch's, or damaged") from error
    except (RuntimeError, EOFError) as error:
        raise ValueError(reason(error)) from error


def to_arrays(state: Any) -> dict[str, NDArray[np.floating]]:
    """A state dict as NumPy arrays; bfloat16, which NumPy does not have, as f32.

    Raises:
        ValueError: something in it is not a tensor.
    """
    import torch

    if not isinstance(state, Mapping):
        raise ValueError(f"the state dict is a {type(state).__name__}")
    if odd := [f"{name} is a {type(value).__name__}" for name, value in state.items() if not torch.is_tensor(value)]:
        raise ValueError(f"not all of it are tensors: {odd[0]}")
    return {str(name): to_numpy(tensor) for name, tensor in state.items()}


def to_numpy(tensor: torch.Tensor) -> NDArray[np.floating]:
    """A tensor as an array; bfloat16 as f32."""
    wide = str(tensor.dtype) == "torch.bfloat16"
    return np.asarray((tensor.float() if wide else tensor).detach().numpy())
