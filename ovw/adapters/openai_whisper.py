"""An OpenVINO encoder and decoder inside openai-whisper's own pipeline.

    from ovw.adapters.openai_whisper import load

    model = load("base-fp16")
    print(model.transcribe("talk.mp4", beam_size=5)["text"])

The returned object is an openai-whisper model: `transcribe`, `decode` and `detect_language` are openai-whisper's code,
the matrix products are OpenVINO's. Needs `pip install openai-whisper`.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from os import PathLike
from pathlib import Path
from threading import RLock
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from whisper import decoding
from whisper.model import ModelDimensions, Whisper

from ovw.artifact.locate import load_manifest, locate_or_default
from ovw.audio.decode import load_audio
from ovw.errors import OvwError
from ovw.runtime.device import EXACT, DeviceOptions
from ovw.runtime.protocols import Decoder, Encoder
from ovw.runtime.sessions import open_sessions, require_runnable

Lock = AbstractContextManager[bool]
Cache = dict[nn.Module, Tensor]


class NoAttentionError(OvwError, AttributeError):
    """Word timestamps, or an attribute that they need: an `AttributeError`, so that `hasattr` is False."""

    def __init__(self) -> None:
        super().__init__("word_timestamps is not available here", "leave it out, or use openai-whisper's own model")


def load(model: str | Path | None = None, *, device: DeviceOptions = EXACT) -> OpenVinoWhisper:
    """Load an artifact as an openai-whisper model.

    Args:
        model: an artifact folder or the name of an installed one; the preferred one if not given.
        device: how to run it; f32 by default, as openai-whisper runs on CPUs.

    Raises:
        OvwError: no such artifact.
    """
    return OpenVinoWhisper(locate_or_default(model), device)


class OpenVinoWhisper(Whisper):  # type: ignore[misc]
    """openai-whisper's model without weights: its encoder and decoder are sessions on an artifact.

    Threads may share one through its methods; `whisper.decode(model, ...)` does not take turns.
    """

    def __init__(self, folder: Path, device: DeviceOptions) -> None:
        nn.Module.__init__(self)
        manifest = load_manifest(folder)
        self.dims = ModelDimensions(**manifest.dims)
        require_runnable(folder, manifest.layout)
        encoder, decoder = open_sessions(folder, manifest.layout, device)
        self._lock = RLock()
        self.encoder = _Encoder(encoder, self._lock)
        self.decoder = _Decoder(decoder, self._lock)
        self._placed = nn.Parameter(torch.empty(0), requires_grad=False)  # a model has a torch device

    def decode(self, mel: Tensor, options: decoding.DecodingOptions = decoding.DecodingOptions(), **kwargs: Any) -> Any:  # noqa: B008
        """Decode one window, log-mel [n_mels, 3000] or [1, n_mels, 3000], as `whisper.decode` does."""
        with self._lock:
            return super().decode(mel, options, **{**kwargs, "fp16": False})

    def transcribe(self, audio: Any, **options: Any) -> dict[str, Any]:
        """openai-whisper's `transcribe`; word timestamps need attention weights, which the artifact does not give out.

        Files are decoded as ovw decodes them, without an ffmpeg program.

        Raises:
            OvwError: when word timestamps are asked for.
        """
        if options.get("word_timestamps"):
            raise NoAttentionError
        if isinstance(audio, str | PathLike):
            audio = load_audio(Path(audio))
        with self._lock:
            result: dict[str, Any] = super().transcribe(audio, **{"fp16": False, **options})
        return result

    def __getattr__(self, name: str) -> Any:
        if name == "alignment_heads":
            raise NoAttentionError
        return super().__getattr__(name)


class _Encoder(nn.Module):  # type: ignore[misc]
    def __init__(self, session: Encoder, lock: Lock) -> None:
        super().__init__()
        self._session = session
        self._lock = lock

    def forward(self, mel: Tensor) -> Tensor:
        with self._lock:
            return torch.from_numpy(self._session(mel.detach().float().contiguous().numpy())).to(mel.dtype)


class _Block(nn.Module):  # type: ignore[misc]
    """Where openai-whisper looks for a layer's keys and values; it never runs."""

    def __init__(self) -> None:
        super().__init__()
        self.attn = nn.ModuleDict({"key": nn.Identity(), "value": nn.Identity()})

    def __getattr__(self, name: str) -> Any:
        if name == "cross_attn":
            raise NoAttentionError
        return super().__getattr__(name)


class _Decoder(nn.Module):  # type: ignore[misc]
    """A session with one block, for whose keys and values the cache holds the session's rows.

    openai-whisper reorders them as it would reorder keys and values, and so shows which row each one goes on from.
    """

    def __init__(self, session: Decoder, lock: Lock) -> None:
        super().__init__()
        self._session = session
        self._lock = lock
        self._cache: Cache | None = None
        self.blocks = nn.ModuleList([_Block()])

    def forward(self, tokens: Tensor, features: Tensor, kv_cache: Cache | None = None) -> Tensor:
        """Logits [B, n, n_vocab] of tokens [B, n], behind those that the cache was used with before.

        Raises:
            OvwError: the session has decoded something else since then.
        """
        attention = self.blocks[0].attn
        with self._lock:
            rows = (kv_cache or {}).get(attention.key)
            if rows is None:
                self._session.start(features.detach().float().numpy())
                rows = torch.arange(len(tokens))
            elif self._cache is not kv_cache:
                raise OvwError("the model has decoded something else meanwhile", "use model.decode, which takes turns")
            self._cache = kv_cache
            if kv_cache is not None:
                kv_cache.update(dict.fromkeys((attention.key, attention.value), torch.arange(len(tokens))))
            return torch.from_numpy(self._session.step(tokens.numpy(), rows.numpy().astype(np.int32)).copy())
