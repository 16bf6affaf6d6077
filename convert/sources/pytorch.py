"""PyTorch's own files, read without executing anything."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ovw.errors import quoted, reason

if TYPE_CHECKING:
    import torch


def load_pickle(path: Path) -> Any:
    """The contents of a `torch.save` file, tensors left on disk where the file's form allows it (the old one does not).

    Raises:
        ValueError: not such a file, or one that holds more than tensors and plain values.
    """
    import torch

    zipped = zipfile.is_zipfile(path)
    if zipped:
        _check_members(path)
    try:
        if zipped:
            return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        with path.open("rb") as stream:
            data = torch.load(stream, map_location="cpu", weights_only=True)
            if stream.read(1):  # the old form has no checksum; bytes too many in a tensor show here
                raise ValueError("something follows its tensors: it is damaged")
            return data
    except pickle.UnpicklingError as error:
        # PyTorch's own words for both cases advise to load the file unsafely
        if "Unsupported global" in str(error) or "GLOBAL" in str(error):
            raise ValueError("loading it would run code that it holds; nothing but tensors is read") from error
        raise ValueError("it is not a file of PyTorch's, or damaged") from error
    except (RuntimeError, EOFError, AssertionError) as error:
        raise ValueError(reason(error)) from error


def to_arrays(state: Any) -> dict[str, NDArray[np.floating]]:
    """A state dict as NumPy arrays; bfloat16, which NumPy does not have, as f32.

    Raises:
        ValueError: something in it is not a tensor.
    """
    import torch

    if not isinstance(state, Mapping):
        raise ValueError(f"the state dict is a {type(state).__name__}")
    odd = [f"{quoted(name)} is a {type(value).__name__}" for name, value in state.items() if not torch.is_tensor(value)]
    if odd:
        raise ValueError(f"not all of it are tensors: {odd[0]}")
    if inflated := [name for name, tensor in state.items() if _is_inflated(tensor)]:
        raise ValueError(f"{quoted(inflated[0])} claims more values than are stored for it")
    return {str(name): to_numpy(tensor) for name, tensor in state.items()}


def _check_members(path: Path) -> None:
    """Look at the checksums, which PyTorch does not, and refuse members that could be of any size once unpacked.

    Raises:
        ValueError: a member is compressed, which PyTorch never does, or damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            packed = [info.filename for info in archive.infolist() if info.compress_type != zipfile.ZIP_STORED]
            if packed:
                raise ValueError(f"{quoted(packed[0])} in it is compressed, which PyTorch never does")
            damaged = archive.testzip()
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise ValueError(reason(error)) from error
    if damaged:
        raise ValueError(f"the checksum of {quoted(damaged)} in it is wrong")


def _is_inflated(tensor: torch.Tensor) -> bool:
    """Whether one stored value stands for many, as `torch.Tensor.expand` does: a file can so claim any size."""
    return bool(tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes())


def to_numpy(tensor: torch.Tensor) -> NDArray[np.floating]:
    """A tensor as an array; bfloat16 as f32."""
    wide = str(tensor.dtype) == "torch.bfloat16"
    return np.asarray((tensor.float() if wide else tensor).detach().numpy())
