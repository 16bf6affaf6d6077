"""An OpenVINO encoder and decoder inside openai-whisper's own pipeline.

    from ovw.adapters.openai_whisper import load

    model = load("base-fp16")
    print(model.transcribe("talk.mp4", beam_size=5)["text"])

The returned object is an openai-whisper model: `transcribe`, `decode` and `detect_language` are openai-whisper's code,
the matrix products are OpenVINO's. Needs `pip install openai-whisper`.
"""

from __future__ import annotations

from os import PathLike
from pathlib import Path
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
    """openai-whisper's model without weights: its encoder and decoder are sessions on an artifact."""

    def __init__(self, folder: Path, device: DeviceOptions) -> None:
        nn.Module.__init__(self)
        manifest = load_manifest(folder)
        self.dims = ModelDimensions(**manifest.dims)
        require_runnable(folder, manifest.layout)
        encoder, decoder = open_sessions(folder, manifest.layout, device)
        self.encoder = _Encoder(encoder)
        self.decoder = _Decoder(decoder)
        self._placed = nn.Parameter(torch.empty(0), requires_grad=False)  # a model has a torch device

    def decode(self, mel: Tensor, options: decoding.DecodingOptions = decoding.DecodingOptions(), **kwargs: Any) -> Any:  # noqa: B008
        """Decode one window, log-mel [n_mels, 3000] or [1, n_mels, 3000], as `whisper.decode` does."""
        single = mel.ndim == 2
        options = decoding.replace(options, **{**kwargs, "fp16": False})
        results = _Task(self, options).run(mel[None] if single else mel)
        return results[0] if single else results

    def transcribe(self, audio: Any, **options: Any) -> dict[str, Any]:
        """openai-whisper's `transcribe`; word timestamps need attention weights, which the artifact does not give out.

        Files are decoded as ovw decodes them, without an ffmpeg program.

        Raises:
            OvwError: when word timestamps are asked for.
        """
        if options.get("word_timestamps"):
            raise OvwError("word_timestamps is not available here", "leave it out, or use openai-whisper's own model")
        if isinstance(audio, str | PathLike):
            audio = load_audio(Path(audio))
        result: dict[str, Any] = super().transcribe(audio, **{"fp16": False, **options})
        return result


class _Encoder(nn.Module):  # type: ignore[misc]
    def __init__(self, session: Encoder) -> None:
        super().__init__()
        self._session = session

    def forward(self, mel: Tensor) -> Tensor:
        return torch.from_numpy(self._session(mel.float().contiguous().numpy()))


class _Decoder(nn.Module):  # type: ignore[misc]
    def __init__(self, session: Decoder) -> None:
        super().__init__()
        self.session = session
        self.blocks = nn.ModuleList()  # where openai-whisper looks for caches; ours is inside the session

    def forward(self, tokens: Tensor, features: Tensor) -> Tensor:
        """Logits [B, n, n_vocab] of tokens [B, n] without any history."""
        self.session.start(features.numpy())
        rows = np.arange(len(tokens), dtype=np.int32)
        return torch.from_numpy(self.session.step(tokens.numpy(), rows).copy())


class _Inference(decoding.Inference):  # type: ignore[misc]
    """openai-whisper's seam for running a decoder with a cache."""

    def __init__(self, session: Decoder) -> None:
        self._session = session
        self._sources: list[int] | None = None  # of the next call's rows; none before the first

    def logits(self, tokens: Tensor, audio_features: Tensor) -> Tensor:
        if self._sources is None:
            self._session.start(audio_features.numpy())
        else:
            tokens = tokens[:, -1:]
        rows = np.arange(len(tokens)) if self._sources is None else np.array(self._sources)
        self._sources = list(range(len(tokens)))
        return torch.from_numpy(self._session.step(tokens.numpy(), rows.astype(np.int32)).copy())

    def rearrange_kv_cache(self, source_indices: list[int]) -> None:
        self._sources = source_indices

    def cleanup_caching(self) -> None:
        self._sources = None


class _Task(decoding.DecodingTask):  # type: ignore[misc]
    def __init__(self, model: OpenVinoWhisper, options: decoding.DecodingOptions) -> None:
        super().__init__(model, options)
        self.inference = _Inference(model.decoder.session)
        if options.beam_size is not None:
            self.decoder.inference = self.inference
