"""The `stateless` layout's decoder as a session: the caches are arrays here, handed in and taken back at every step."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from ovw.artifact import names
from ovw.artifact.masks import give_masks_the_batch
from ovw.artifact.port_names import AUDIO_FEATURES, LOGITS, TOKENS
from ovw.errors import OvwError
from ovw.runtime.bounds import PortBounds
from ovw.runtime.decoder import BoundedDecoder, chosen
from ovw.runtime.device import DeviceOptions, compile_ir, compile_model, core
from ovw.runtime.protocols import OpenVinoDecoder, Windows

Caches = dict[str, NDArray[np.float32]]


class StatelessDecoderSession(BoundedDecoder):
    """Tokens to logits over encoded audio, as `DecoderSession`, with growing caches outside the graph.

    Args:
        artifact: folder of the stateless layout with dynamic or bounded shapes.
        options: device, precision and threads.
    """

    def __init__(self, artifact: Path, options: DeviceOptions) -> None:
        self.compiled = _compile_decoder(artifact, options)
        self._request = self.compiled.create_infer_request()
        self._tokens = PortBounds.of(self.compiled, TOKENS, "the decoder", ("batch", "tokens"))
        axes = ("batch", "positions", "state")
        self._audio = PortBounds.of(self.compiled, AUDIO_FEATURES, "the decoder", axes)
        self._cache = PortBounds.of(self.compiled, "in_k_0a", "the decoder", ("batch", "cached positions", "state"))
        self._own, self._cross = _cache_ports(self.compiled)
        self._hidden = np.zeros((0, 0, 0), np.float32)
        self._caches: Caches = {}

    def start(self, audio: Windows) -> None:
        """Forget the caches and attend to new windows, hidden states [A, S, state]; A divides the number of rows."""
        hidden = np.asarray(audio)
        self._audio.require(hidden.shape)
        self._hidden = np.ascontiguousarray(hidden)
        self._caches = {}

    def step(
        self, tokens: NDArray[np.int64], beam_idx: NDArray[np.int32], at: Sequence[int] | None = None
    ) -> NDArray[np.float32]:
        """Feed tokens after what is cached, as `Decoder.step`; the caches are gathered by `beam_idx` first.

        Raises:
            OvwError: a shape outside the artifact's bounds, or no room left in the caches.
        """
        self._tokens.require(tokens.shape)
        caches = self._reordered(beam_idx) if self._caches else self._empty(len(tokens))
        self._cache.require(caches["k_0a"].shape)
        feed = {TOKENS: tokens, AUDIO_FEATURES: self._hidden} | {f"in_{n}": c for n, c in caches.items()}
        outputs = self._request.infer(feed, share_inputs=True, share_outputs=True)
        # the next call gathers, and so copies, what grows; what does not is copied once
        kept = self._caches or {name: outputs[f"out_{name}"].copy() for name in self._cross}
        self._caches = {name: kept[name] for name in self._cross} | {n: outputs[f"out_{n}"] for n in self._own}
        return chosen(outputs[LOGITS], at)

    def _reordered(self, beam_idx: NDArray[np.int32]) -> Caches:
        return {name: cache[beam_idx] if name in self._own else cache for name, cache in self._caches.items()}

    def _empty(self, rows: int) -> Caches:
        width = self._hidden.shape[2]
        own = {name: np.zeros((rows, 0, width), np.float32) for name in self._own}
        return own | {name: np.zeros((len(self._hidden), 0, width), np.float32) for name in self._cross}


class FixedDecoderSession(OpenVinoDecoder):
    """A stateless decoder over caches of one size, for static shapes.

    Prompts are fed in pieces of as many tokens as the graph takes. A piece that is not full is filled up: what is
    written behind the filled part of the caches is masked and overwritten by the next piece.

    Args:
        artifact: folder of the stateless layout with static shapes.
        options: device, precision and threads.
    """

    def __init__(self, artifact: Path, options: DeviceOptions) -> None:
        self.compiled = _compile_decoder(artifact, options)
        self._cross_model = compile_ir(artifact / f"{names.STATELESS_CROSS}.xml", options)
        axes = ("batch", "positions", "state")
        self._audio = PortBounds.of(self._cross_model, AUDIO_FEATURES, "the decoder", axes)
        self._rows = PortBounds.of(self.compiled, TOKENS, "the decoder", ("batch", "width"))
        self._own, cross = _cache_ports(self.compiled)
        self._size = self.compiled.input("in_k_0a").get_shape()[1]
        self._cross: Caches = dict.fromkeys(cross, np.zeros(0, np.float32))
        self._caches: Caches = {}
        self._length = 0

    @property
    def max_tokens(self) -> int:
        """Tokens that a row may have in one call: any number, they are fed in pieces."""
        return -1

    @property
    def max_rows(self) -> int:
        """The number of rows that it takes in every call."""
        return self._rows.high("batch")

    def start(self, audio: Windows) -> None:
        """Empty the caches and attend to new windows, hidden states [A, S, state]."""
        hidden = np.asarray(audio)
        self._audio.require(hidden.shape)
        projected = self._cross_model({AUDIO_FEATURES: np.ascontiguousarray(hidden)})
        self._cross = {name: projected[f"out_{name}"] for name in self._cross}
        shape = self.compiled.input("in_k_0a").get_shape()
        self._caches = {name: np.zeros(list(shape), np.float32) for name in self._own}
        self._length = 0

    def step(
        self, tokens: NDArray[np.int64], beam_idx: NDArray[np.int32], at: Sequence[int] | None = None
    ) -> NDArray[np.float32]:
        """Feed tokens after what is cached, as `Decoder.step`.

        Raises:
            OvwError: another number of rows than the graph's, or no room left in the caches.
        """
        width = self._rows.high("width")
        self._rows.require((len(tokens), width))
        self._caches = {name: cache[beam_idx] for name, cache in self._caches.items()}
        pieces = [self._feed(tokens[:, begin : begin + width], width) for begin in range(0, tokens.shape[1], width)]
        return chosen(np.concatenate(pieces, 1), at)

    def _feed(self, tokens: NDArray[np.int64], width: int) -> NDArray[np.float32]:
        fed = tokens.shape[1]
        if self._length + width > self._size:
            raise OvwError(
                f"the decoder's cache of {self._size} positions is full",
                "convert with a larger --cache, or fewer tokens",
            )
        feed = {TOKENS: np.pad(tokens, ((0, 0), (0, width - fed))), "length": np.array([self._length])}
        outputs = self.compiled(feed | {f"in_{n}": c for n, c in (self._caches | self._cross).items()})
        self._caches = {name: outputs[f"out_{name}"] for name in self._own}
        self._length += fed
        logits: NDArray[np.float32] = outputs[LOGITS][:, :fed]
        return logits


def _compile_decoder(artifact: Path, options: DeviceOptions) -> ov.CompiledModel:
    model = core().read_model(artifact / f"{names.STATELESS_DECODER}.xml")
    give_masks_the_batch(model)
    return compile_model(model, options)


def _cache_ports(model: ov.CompiledModel) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names, without `in_`, of the self-attention and of the cross-attention caches."""
    ports = [port.any_name.removeprefix("in_") for port in model.inputs if port.any_name.startswith("in_")]
    return tuple(n for n in ports if n.endswith("a")), tuple(n for n in ports if n.endswith("c"))
