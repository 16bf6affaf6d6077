"""State dicts without dimensions: Lightning's checkpoints, `torch.save(model.state_dict())`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ovw.convert.sources.checkpoint import count_layers, dims_of
from ovw.convert.sources.huggingface import names_of, rename, with_adapter
from ovw.convert.sources.pytorch import to_arrays
from ovw.convert.sources.wrappers import Arrays, unwrap
from ovw.models import Dims

HOLDERS = ("model_state_dict", "state_dict", "model", "module")
"""Keys under which trainers keep the state dict, beside optimizers and counters."""
SHOWN = 3


def read_state(data: Any, folder: Path) -> tuple[Dims, Arrays]:
    """Dimensions and tensors, by openai/whisper's names, of whatever holds a Whisper's state dict.

    Args:
        data: what `torch.load` gave.
        folder: where the file is, and the configuration of its adapter, if it has one.

    Raises:
        ValueError: no such state dict in it.
    """
    tensors = unwrap(to_arrays(_state_in(data)))
    if any(".layers." in name for name in tensors):
        full, _ = with_adapter(tensors, folder)
        dims = _dims({ours: full[theirs] for theirs, ours in names_of(_layers_only(full)).items() if theirs in full})
        return dims, rename(full, dims)
    return _dims(tensors), tensors


def _state_in(data: Any) -> Mapping[str, Any]:
    if not isinstance(data, Mapping):
        raise ValueError(f"it holds a {type(data).__name__}, expected a state dict")
    found = next((data[key] for key in HOLDERS if isinstance(data.get(key), Mapping)), None)
    return data if found is None else found


def _layers_only(tensors: Arrays) -> Dims:
    """Dimensions of which only the layers count, for the names."""
    counts = count_layers(tensors)
    return Dims(1, 1, 1, 1, counts["encoder"], 1, 1, 1, 1, counts["decoder"])


def _dims(tensors: Arrays) -> Dims:
    try:
        return dims_of(tensors)
    except (KeyError, IndexError, ValueError) as error:
        seen = ", ".join(list(tensors)[:SHOWN]) or "nothing"
        raise ValueError(f"its names are not those of a Whisper: it holds {seen}; {error} is missing") from None
