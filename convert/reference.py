"""The PyTorch side of the parity gate: openai/whisper's own modules in f32."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING
from unittest.mock import patch

import numpy as np
import torch
from numpy.typing import NDArray

from ovw.convert.sources.checkpoint import Checkpoint, Tensors
from ovw.memory import give_back

if TYPE_CHECKING:
    from whisper.model import AudioEncoder, TextDecoder


class PyTorchReference:
    """openai/whisper's encoder and decoder on the checkpoint's weights, each held only while it is used.

    Args:
        checkpoint: the weights.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._checkpoint = checkpoint

    def encode(self, mel: NDArray[np.float32]) -> NDArray[np.float32]:
        """Log-mel [B, n_mels, frames] -> hidden states [B, frames / 2, state]; the first positions for fewer frames."""
        module = load_encoder(self._checkpoint, (mel.shape[2] + 1) // 2)
        with torch.inference_mode():
            hidden: NDArray[np.float32] = module(torch.from_numpy(mel)).numpy()
        del module
        give_back()
        return hidden

    def logits(self, pairs: list[tuple[NDArray[np.int64], NDArray[np.float32]]]) -> list[NDArray[np.float32]]:
        """Logits of every position without any cache, for (tokens [B, n], hidden states [B, S, state]) pairs."""
        module = load_decoder(self._checkpoint)
        with torch.inference_mode():
            logits = [module(torch.from_numpy(t), torch.from_numpy(h)).numpy() for t, h in pairs]
        del module
        give_back()
        return logits


def load_encoder(checkpoint: Checkpoint, n_audio_ctx: int | None = None) -> AudioEncoder:
    """openai/whisper's encoder in f32, with as many positions as asked for (all, if not)."""
    from whisper.model import AudioEncoder

    d = checkpoint.dims
    n_ctx = n_audio_ctx or d.n_audio_ctx
    with _uninitialised():
        module = AudioEncoder(d.n_mels, n_ctx, d.n_audio_state, d.n_audio_head, d.n_audio_layer)
    state = _state(checkpoint.tensors, "encoder.")
    state["positional_embedding"] = state["positional_embedding"][:n_ctx]
    module.load_state_dict(state, assign=True)
    return module.eval()


def load_decoder(checkpoint: Checkpoint) -> TextDecoder:
    """openai/whisper's decoder in f32."""
    from whisper.model import TextDecoder

    d = checkpoint.dims
    with _uninitialised():
        module = TextDecoder(d.n_vocab, d.n_text_ctx, d.n_text_state, d.n_text_head, d.n_text_layer)
    module.load_state_dict(_state(checkpoint.tensors, "decoder."), assign=True)
    return module.eval()


@contextmanager
def _uninitialised() -> Iterator[None]:
    """Make modules without drawing weights that are about to be replaced; their memory is never touched.

    (The meta device would do the same, at two seconds of imports.)
    """
    with ExitStack() as stack:
        for kind in (torch.nn.Linear, torch.nn.Conv1d, torch.nn.Embedding):
            stack.enter_context(patch.object(kind, "reset_parameters", lambda self: None))
        yield


def _state(tensors: Tensors, prefix: str) -> dict[str, torch.Tensor]:
    return {
        name.removeprefix(prefix): torch.from_numpy(np.asarray(tensor, np.float32))
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }
