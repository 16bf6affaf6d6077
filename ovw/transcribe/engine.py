"""A loaded model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ovw.models import Dims
from ovw.runtime.aligner import AlignerSession
from ovw.runtime.device import DeviceOptions
from ovw.runtime.encoder import EncoderSession, fixed_window
from ovw.runtime.sessions import OpenVinoDecoder, open_decoder, open_encoder
from ovw.transcribe.tokenizer import Tokenizer


@dataclass(frozen=True)
class Engine:
    """The sessions of an artifact, its tokenizer and dimensions.

    Attributes:
        folder: the artifact.
        layout: of the folder.
        device: how it runs.
        dims: of the model.
        heads: (layer, head) pairs whose attention tells where a word is said.
    """

    folder: Path
    layout: str
    device: DeviceOptions
    dims: Dims
    heads: Sequence[tuple[int, int]]

    @cached_property
    def encoder(self) -> EncoderSession:
        return open_encoder(self.folder, self.layout, self.device, fixed_window(self.dims.n_frames))

    @cached_property
    def decoder(self) -> OpenVinoDecoder:
        return open_decoder(self.folder, self.layout, self.device)

    @cached_property
    def aligner(self) -> AlignerSession:
        return AlignerSession(self.folder, self.device, self.heads)

    @cached_property
    def tokenizer(self) -> Tokenizer:
        return Tokenizer.from_artifact(self.folder)

    def load(self) -> None:
        """Have everything ready that every window needs."""
        _ = self.tokenizer, self.encoder, self.decoder
