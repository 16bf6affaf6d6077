"""OpenAI's `.pt` checkpoints: a dict of dims and state dict."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ovw.artifact.hashing import file_sha256
from ovw.convert.sources.checkpoint import PICKLED, Checkpoint, CheckpointFormat
from ovw.convert.sources.pytorch import load_pickle, to_arrays
from ovw.convert.sources.state_dict import read_state
from ovw.convert.sources.wrappers import unwrap
from ovw.errors import OvwError, reason
from ovw.models import Dims


def read_openai(path: Path, sha256: str | None = None) -> Checkpoint:
    """Read a `.pt` file as openai/whisper publishes and saves it, or a state dict as trainers save it.

    Args:
        path: the file.
        sha256: its hash if already known.

    Raises:
        OvwError: not such a file, or one that would run code when loaded.
    """
    try:
        data = load_pickle(path)
        if isinstance(data, Mapping) and "dims" in data:
            dims, tensors = Dims(**data["dims"]), unwrap(to_arrays(data["model_state_dict"]))
        else:
            dims, tensors = read_state(data, path.parent)
    except (OSError, ValueError, RuntimeError, LookupError, TypeError) as error:
        raise OvwError(
            f"{path} is not a Whisper checkpoint: {reason(error)}",
            "expected dims and model_state_dict, or a Whisper's state dict",
        ) from error
    tensors = {name: tensor for name, tensor in tensors.items() if not name.endswith("alignment_heads")}
    return Checkpoint(dims, tensors, "openai", path.name, sha256 or file_sha256(path))


FORMAT = CheckpointFormat("a .pt file", lambda path: path.is_file() and path.suffix in PICKLED, read_openai)
