"""The open sessions of an artifact."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from threading import RLock
from typing import ClassVar

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from ovw.artifact.foreign import UNVERIFIED, is_foreign
from ovw.artifact.layouts import layout_row
from ovw.artifact.manifest import Manifest
from ovw.models import Dims
from ovw.runtime.aligner import ScoringDecoder, add_scores
from ovw.runtime.approximations import ALL, NONE, Approximations
from ovw.runtime.decoder import DecoderSession
from ovw.runtime.device import DeviceOptions, devices
from ovw.runtime.encoder import fixed_window
from ovw.runtime.fast.adapt import adapt_decoder, is_adaptable
from ovw.runtime.fast.decoder import FastDecoder
from ovw.runtime.fast.encoder import FastEncoder
from ovw.runtime.fast.logsumexp import LogSumExp
from ovw.runtime.protocols import Audio, Decoder, Encoder
from ovw.runtime.sessions import open_decoder, open_encoder
from ovw.transcribe.decoding.numeric import RowLogSumExp, logsumexp
from ovw.transcribe.recording import Recording, Window
from ovw.transcribe.tokenizer import Tokenizer


@dataclass(frozen=True)
class ModelSessions:
    """The sessions of an artifact as they are, its tokenizer and dimensions.

    Attributes:
        folder: the artifact.
        layout: of the folder.
        device: how it runs.
        dims: of the model.
        heads: (layer, head) pairs whose attention shows where a word is spoken.
        lock: held for each call that encodes, decodes or aligns: the sessions do one at a time, whoever calls.
    """

    folder: Path
    layout: str
    device: DeviceOptions
    dims: Dims
    heads: Sequence[tuple[int, int]]
    lock: AbstractContextManager[bool] = field(default_factory=RLock, init=False, repr=False, compare=False)

    PARTS: ClassVar[tuple[str, ...]] = ("encoder", "decoder")
    """Sessions that every window needs."""

    @cached_property
    def encoder(self) -> Encoder:
        return open_encoder(self.folder, self.layout, self.device, fixed_window(self.dims.n_frames))

    @cached_property
    def decoder(self) -> Decoder:
        return open_decoder(self.folder, self.layout, self.device)

    @cached_property
    def aligner(self) -> ScoringDecoder:
        """The decoder once more, with what its alignment heads attend to."""
        return DecoderSession(self.folder, self.device, self._adapted_with_scores)

    @cached_property
    def tokenizer(self) -> Tokenizer:
        return Tokenizer.from_artifact(self.folder)

    def load(self) -> None:
        """Have everything ready that every window needs."""
        devices()  # before there are threads
        with ThreadPoolExecutor(2) as pool:
            # the tokenizer last: reading it holds the interpreter's lock, for which the others would wait
            parts = [pool.submit(getattr, self, name) for name in (*self.PARTS, "tokenizer")]
            for part in parts:
                part.result()

    def encode(
        self, windows: Sequence[Window], *, full_context: bool = False, merge: bool = True, zeros: bool = False
    ) -> list[Audio]:
        """Encode windows for the decoder of these sessions.

        Args:
            windows: that are decoded together.
            full_context: compute every position, without merged padding or tokens.
            merge: allow token merging, see `ovw.runtime.fast.merging`.
            zeros: with `pad="auto"`, pad with zeros in the spectrogram at any length.

        Returns:
            One for each window: hidden states [S, state], or an `EncodedWindow` of the fast path.

        Raises:
            OvwError: a shape outside the artifact's bounds.
        """
        mels = [
            one.recording.window(
                one.span.start, one.size, self._frames(one.size, full_context=full_context), zeros=zeros
            )
            for one in windows
        ]
        with self.lock:
            return self._encode_mels(mels, merge=merge and not full_context)

    def encode_opening(self, recording: Recording, start: int, *, full_context: bool = False) -> Audio:
        """Encode the window at `start` for language detection; merged tokens would change the probabilities."""
        size = recording.frames_before(start + self.dims.n_frames) - start
        mel = recording.opening(start, size, self._frames(size, full_context=full_context))
        with self.lock:
            return self._encode_mels([mel], merge=False)[0]

    def detached(self, audio: Audio) -> Audio:
        """A copy of a window that does not hold the memory of its whole batch."""
        return audio if isinstance(audio, np.ndarray) else audio.detached()

    def is_full_context(self, audio: Audio) -> bool:
        """Whether a window was encoded in full context."""
        return isinstance(audio, np.ndarray) or audio.full_context

    @property
    def row_logsumexp(self) -> RowLogSumExp:
        """Log-sum-exp of each row of logits."""
        return logsumexp

    @property
    def approximations(self) -> Approximations:
        """Those in use: without f32, scales that activations share; second decodings of unsure windows in a batch."""
        return NONE.model_copy(update={"grouped_scales": not self.device.in_f32, "unsure_search": True})

    def _frames(self, size: int, *, full_context: bool) -> int:
        """Mel frames to encode for a window of which `size` hold sound."""
        return self.dims.n_frames

    def _encode_mels(self, mels: Sequence[NDArray[np.float32]], *, merge: bool) -> list[Audio]:
        # one by one: a batch of them would not be faster on a CPU, only larger
        return [self.encoder(mel)[0] for mel in mels]

    def _with_scores(self, model: ov.Model) -> None:
        add_scores(model, self.heads)

    def _adapted_with_scores(self, model: ov.Model) -> None:
        if is_foreign(self.folder):
            adapt_decoder(model)
        self._with_scores(model)


def has_fast_path(folder: Path, manifest: Manifest) -> bool:
    """Whether the graphs of a model are as `ovw.runtime.fast` expects them, or can be adapted to that."""
    if manifest.frontend == UNVERIFIED:
        return is_adaptable(folder)
    return fast_path_takes(manifest.layout, manifest.frontend, manifest.shapes.kind)


def can_time_words(folder: Path, manifest: Manifest) -> bool:
    """Whether the decoder of a model shows what it attends to."""
    if manifest.frontend == UNVERIFIED:
        return is_adaptable(folder)
    return layout_row(manifest.layout).times_words and manifest.frontend == "graph"


def fast_path_takes(layout: str, frontend: str, shapes: str) -> bool:
    """Whether graphs of that origin and kind of shapes are as `ovw.runtime.fast` expects them."""
    return (layout_row(layout).cache, frontend, shapes) == ("inside", "graph", "dynamic")


@dataclass(frozen=True)
class FastModelSessions(ModelSessions):
    """Sessions over graphs specialised for speed, see `ovw.runtime.fast`.

    Attributes:
        approximations: those to use; keys and values stay in floating point where f32 is asked for.
        cached: keep compiled graphs on disk.
    """

    approximations: Approximations = ALL
    cached: bool = True

    PARTS: ClassVar[tuple[str, ...]] = ("fast_encoder", "decoder", "row_logsumexp")

    @cached_property
    def fast_encoder(self) -> FastEncoder:
        return FastEncoder(self.folder, self._device, self.dims, in_int8=self._in_int8, cached=self.cached)

    @cached_property
    def decoder(self) -> Decoder:
        return FastDecoder(self.folder, self._device, in_int8=self._in_int8, cached=self.cached)

    @cached_property
    def aligner(self) -> ScoringDecoder:
        return FastDecoder(self.folder, self._device, self._with_scores, in_int8=self._in_int8)

    @property
    def _in_int8(self) -> bool:
        return self.approximations.int8_attention

    @property
    def _device(self) -> DeviceOptions:
        return self.device.model_copy(update={"grouped_scales": self.approximations.grouped_scales})

    @cached_property
    def row_logsumexp(self) -> RowLogSumExp:
        return LogSumExp(self.device)

    def _frames(self, size: int, *, full_context: bool) -> int:
        short = self.approximations.merged_padding and not full_context
        return self.fast_encoder.frames_for(size) if short else self.dims.n_frames

    def _encode_mels(self, mels: Sequence[NDArray[np.float32]], *, merge: bool) -> list[Audio]:
        return list(self.fast_encoder(mels, merge=merge and self.approximations.token_merging))
