"""The checkpoint of an artifact as an OpenAI `.pt` file, for openai-whisper to load."""

from __future__ import annotations

from pathlib import Path

from ovw.artifact.manifest import Manifest
from ovw.convert.sources.checkpoint import tensors_sha256
from ovw.convert.sources.resolve import load_checkpoint
from ovw.errors import OvwError, UsageError
from ovw.files import scratch_beside
from ovw.home import weights_dir
from ovw.models import find_size


def pytorch_file(manifest: Manifest) -> Path:
    """Find or make the `.pt` file whose tensors an artifact was made from.

    Args:
        manifest: of the artifact; its tensors' SHA-256 decides.

    Raises:
        OvwError: the checkpoint is not to be found here any more.
    """
    wanted = manifest.source.tensors_sha256
    target = weights_dir() / "pytorch" / f"{manifest.name}-{wanted[:16]}.pt"
    if target.is_file():
        return target
    hint = "name its .pt file with --reference"
    try:
        checkpoint = load_checkpoint(find_size(manifest.name), None)
    except UsageError:
        raise OvwError(f"the weights of {manifest.name} ({manifest.source.reference}) are not at hand", hint) from None
    if tensors_sha256(checkpoint.tensors) != wanted:
        raise OvwError(f"{checkpoint.reference} is not what {manifest.name} was made from", hint)
    _save(dict(checkpoint.tensors), manifest.dims, target)
    return target


def _save(tensors: dict[str, object], dims: dict[str, int], target: Path) -> None:
    import torch

    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        state = {name: torch.tensor(tensor) for name, tensor in tensors.items()}
        with scratch_beside(target) as scratch:
            torch.save({"dims": dims, "model_state_dict": state}, scratch)
            scratch.replace(target)
    except (OSError, RuntimeError) as error:
        raise OvwError(f"cannot write {target}: {error}", "set OVW_HOME to a folder with room") from None
