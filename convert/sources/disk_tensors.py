"""Tensors in a scratch file, so that they need no memory between uses."""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ovw.errors import OvwError, reason


class DiskTensors(Mapping[str, NDArray[np.floating]]):
    """Tensors written one by one as they come, and read anew whenever one is asked for.

    The file has no name where the system allows that, and is gone with the last reference to it, or with the process.

    Args:
        tensors: names and values; only one of them is in memory at a time.
        folder: where there is room for all of them.

    Raises:
        OvwError: the file cannot be written.
    """

    def __init__(self, tensors: Iterable[tuple[str, NDArray[np.floating]]], folder: Path) -> None:
        self._places: dict[str, tuple[int, np.dtype[np.floating], tuple[int, ...]]] = {}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = tempfile.TemporaryFile(prefix=".spool-", dir=folder)  # noqa: SIM115
            weakref.finalize(self, self._file.close)
            for name, tensor in tensors:
                self._places[name] = (self._file.tell(), tensor.dtype, tensor.shape)
                self._file.write(np.ascontiguousarray(tensor).data)
            self._file.flush()
        except OSError as error:
            raise OvwError(
                f"cannot keep weights in {folder}: {reason(error)}", "set OVW_HOME to a folder with room"
            ) from error

    def __getitem__(self, name: str) -> NDArray[np.floating]:
        place, dtype, shape = self._places[name]
        tensor = np.empty(shape, dtype)
        self._file.seek(place)
        self._file.readinto(tensor.reshape(-1).view(np.uint8).data)
        return tensor

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)
