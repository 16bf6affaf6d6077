"""State dicts without dimensions: Lightning's checkpoints, `torch.save(model.state_dict())`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ovw.convert.sources.huggingface import names_of, rename, with_adapter
from ovw.convert.sources.pytorch import to_arrays
from ovw.convert.sources.wrappers import Arrays, unwrap
from ovw.models import Dims

HOLDERS = ("model_state_dict", "state_dict", "model", "module")
"""Keys under which trainers keep the state dict, beside optimizers and counters."""
LAYER = re.compile(r"(?:^|\.)(encoder|decoder)\.(?:blocks|layers)\.(\d+)\.")
HEAD_DIM = 64
"""Of every Whisper."""
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
    counts = _layers(tensors)
    return Dims(1, 1, 1, 1, counts["encoder"], 1, 1, 1, 1, counts["decoder"])


def _layers(tensors: Arrays) -> dict[str, int]:
    found = [match.groups() for name in tensors if (match := LAYER.search(name))]
    return {side: max((int(n) + 1 for s, n in found if s == side), default=0) for side in ("encoder", "decoder")}


def _dims(tensors: Arrays) -> Dims:
    """Dimensions by the shapes of the tensors."""
    try:
        n_mels = tensors["encoder.conv1.weight"].shape[1]
        n_audio_ctx, n_audio_state = tensors["encoder.positional_embedding"].shape
        n_text_ctx, n_text_state = tensors["decoder.positional_embedding"].shape
        n_vocab = tensors["decoder.token_embedding.weight"].shape[0]
    except (KeyError, IndexError, ValueError) as error:
        seen = ", ".join(list(tensors)[:SHOWN]) or "nothing"
        raise ValueError(f"its names are not those of a Whisper: it holds {seen}; {error} is missing") from None
    layers = _layers(tensors)
    heads = (n_audio_state // HEAD_DIM, n_text_state // HEAD_DIM)
    return Dims(
        n_mels, n_audio_ctx, n_audio_state, heads[0], layers["encoder"],
        n_vocab, n_text_ctx, n_text_state, heads[1], layers["decoder"],
    )  # fmt: skip
