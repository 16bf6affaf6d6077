"""A Whisper checkpoint, whatever file it came from: openai/whisper's tensor names, NumPy arrays, dims and heads."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ovw.convert.sources.generation import GenerationDefaults
from ovw.errors import OvwError
from ovw.models import Capabilities, Dims, languages

Tensors = Mapping[str, NDArray[np.floating]]
LAYER = re.compile(r"(?:^|\.)(encoder|decoder)\.(?:blocks|layers)\.(\d+)\.")
HEAD_DIM = 64
"""Of every Whisper."""
PICKLED = (".pt", ".pth", ".ckpt")
"""Endings of PyTorch's files."""
SEEN = 4
"""Names that are shown of a state dict with other names."""
SHOWN = 8
"""Problems that are listed; the rest is counted."""


@dataclass(frozen=True)
class Checkpoint:
    """Weights and what belongs to them.

    Attributes:
        dims: of the model.
        tensors: by openai/whisper's names; f16 wherever that holds the published value exactly, else f32.
        kind, reference: which source, and what was asked of it.
        sha256: of the file, where there is one.
        alignment_heads: (decoder layer, head) pairs, where the source knows them.
        tokenizer_json: a Hugging Face tokenizer, where the source brings one.
        capabilities: what the model can be asked for, where that is known.
        steered: whether language and task tokens steer decoding, where the source knows.
        generation: decoding defaults that the source brings.
    """

    dims: Dims
    tensors: Tensors = field(repr=False)
    kind: str
    reference: str
    sha256: str | None = None
    alignment_heads: tuple[tuple[int, int], ...] | None = None
    tokenizer_json: str | None = field(default=None, repr=False)
    capabilities: Capabilities | None = None
    steered: bool | None = None
    generation: GenerationDefaults = field(default_factory=GenerationDefaults)

    @property
    def multilingual(self) -> bool:
        """Whether language and task tokens steer decoding; known from the size of OpenAI's vocabularies."""
        return self.dims.multilingual if self.steered is None else self.steered

    @property
    def can(self) -> Capabilities:
        """Languages and tasks; those of OpenAI's vocabulary of that size where the source knows none."""
        if self.capabilities:
            return self.capabilities
        codes = tuple(languages())[: self.dims.n_languages] if self.dims.multilingual else ("en",)
        return Capabilities(codes, self.dims.multilingual)

    @cached_property
    def tensors_sha256(self) -> str:
        """Hash of the tensors, whatever file format brought them."""
        return tensors_sha256(self.tensors)

    def checked(self) -> Checkpoint:
        """This checkpoint, tensors in their narrowest lossless type, every one present, finite and of its shape.

        Raises:
            OvwError: listing every tensor that is missing, unknown, misshapen or not finite.
        """
        problems = self._dims_problems() or self._tensor_problems()
        if problems:
            more = f"; and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
            raise OvwError(
                f"{self.reference} is not a whole Whisper checkpoint: {'; '.join(problems[:SHOWN])}{more}",
                "fetch or save it again",
            )
        return replace(self, tensors={name: narrow(self.tensors[name]) for name in tensor_shapes(self.dims)})

    def _dims_problems(self) -> list[str]:
        if problems := self.dims.problems():
            return problems
        dims = vars(self.dims)
        if self.dims.n_audio_state != self.dims.n_text_state:
            problems.append(f"n_audio_state is {self.dims.n_audio_state}, n_text_state {self.dims.n_text_state}")
        for part in ("audio", "text"):
            state, heads, layers = (dims[f"n_{part}_{what}"] for what in ("state", "head", "layer"))
            if state % heads:
                problems.append(f"n_{part}_state {state} is not divisible by n_{part}_head {heads}")
            if layers > len(self.tensors):
                problems.append(f"n_{part}_layer is {layers}, of {len(self.tensors)} tensors")
        return problems

    def _tensor_problems(self) -> list[str]:
        expected = tensor_shapes(self.dims)
        problems = [f"{name} is missing" for name in expected if name not in self.tensors]
        if len(problems) > len(expected) / 2:
            seen = ", ".join(list(self.tensors)[:SEEN]) or "nothing"
            counts = f"{len(problems)} of {len(expected)} tensors are missing"
            return [f"{counts}, such as {problems[0].removesuffix(' is missing')}; it holds {seen}"]
        problems += [f"{name} is unknown" for name in self.tensors if name not in expected]
        for name, shape in expected.items():
            tensor = self.tensors.get(name)
            if tensor is None:
                continue
            if tensor.shape != shape:
                problems.append(f"{name} has shape {list(tensor.shape)}, expected {list(shape)}")
            elif tensor.dtype.kind != "f":
                problems.append(f"{name} holds {tensor.dtype.name}")
            elif not np.isfinite(tensor).all():
                problems.append(f"{name} holds values that are not finite")
        return problems


@dataclass(frozen=True)
class CheckpointFormat:
    """A format of checkpoints on disk.

    Attributes:
        form: a file or folder of it, for messages.
        matches: whether a path that exists is one.
        read: reads it; raises `OvwError`, or whatever damaged data leads to.
    """

    form: str
    matches: Callable[[Path], bool]
    read: Callable[[Path], Checkpoint]


def alignment_heads(value: Any, dims: Dims) -> tuple[tuple[int, int], ...] | None:
    """The alignment heads that a configuration file gives; `None` without usable ones, see `Dims.usable_heads`.

    Raises:
        ValueError: something else than pairs of layer and head.
    """
    if not value:
        return None
    pairs = [tuple(pair) for pair in value if isinstance(pair, list | tuple)] if isinstance(value, list) else []
    if len(pairs) != len(value) or not all(len(p) == 2 and all(type(i) is int and i >= 0 for i in p) for p in pairs):
        raise ValueError(f"alignment_heads is not a list of [layer, head]: {str(value)[:80]}")
    heads = dims.usable_heads([(layer, head) for layer, head in pairs])
    return tuple(heads) if heads else None


def narrow(tensor: NDArray[np.floating]) -> NDArray[np.floating]:
    """The tensor as f16 if that loses nothing, else as f32: one form for the same values."""
    if tensor.dtype == np.float16:
        return tensor
    wide = np.asarray(tensor, np.float32)
    with np.errstate(over="ignore"):
        half = wide.astype(np.float16)
    return half if np.array_equal(half.astype(np.float32), wide) else wide


def tensors_sha256(tensors: Tensors) -> str:
    """SHA-256 over names, types, shapes and bytes of all tensors in the order of their names."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype.name} {list(tensor.shape)}\n".encode())
        digest.update(np.ascontiguousarray(tensor).data)
    return digest.hexdigest()


def count_layers(names: Iterable[str]) -> dict[str, int]:
    """Layers of `encoder` and `decoder`, by the names of their tensors, openai/whisper's or transformers'."""
    found = [match.groups() for name in names if (match := LAYER.search(name))]
    return {side: max((int(n) + 1 for s, n in found if s == side), default=0) for side in ("encoder", "decoder")}


def dims_of(tensors: Tensors, heads: Mapping[str, int] | None = None) -> Dims:
    """Dimensions by the shapes of tensors under openai/whisper's names.

    Args:
        tensors: of a model.
        heads: of `encoder` and `decoder`, where they are known; else each has `HEAD_DIM` features.

    Raises:
        KeyError: a tensor is missing.
        IndexError, ValueError: one has another number of axes.
    """
    n_mels = tensors["encoder.conv1.weight"].shape[1]
    n_audio_ctx, n_audio_state = tensors["encoder.positional_embedding"].shape
    n_text_ctx, n_text_state = tensors["decoder.positional_embedding"].shape
    n_vocab = tensors["decoder.token_embedding.weight"].shape[0]
    layers = count_layers(tensors)
    n_heads = {"encoder": n_audio_state // HEAD_DIM, "decoder": n_text_state // HEAD_DIM} | dict(heads or {})
    return Dims(
        n_mels, n_audio_ctx, n_audio_state, n_heads["encoder"], layers["encoder"],
        n_vocab, n_text_ctx, n_text_state, n_heads["decoder"], layers["decoder"],
    )  # fmt: skip


def tensor_shapes(dims: Dims) -> dict[str, tuple[int, ...]]:
    """Every tensor of openai/whisper's state dict with its shape."""
    shapes: dict[str, tuple[int, ...]] = {}
    for side, ctx, state, layers in (
        ("encoder", dims.n_audio_ctx, dims.n_audio_state, dims.n_audio_layer),
        ("decoder", dims.n_text_ctx, dims.n_text_state, dims.n_text_layer),
    ):
        shapes[f"{side}.positional_embedding"] = (ctx, state)
        for i in range(layers):
            block = f"{side}.blocks.{i}"
            shapes |= _attention(f"{block}.attn", state)
            if side == "decoder":
                shapes |= _attention(f"{block}.cross_attn", state)
            shapes |= _affine(f"{block}.mlp.0", 4 * state, state) | _affine(f"{block}.mlp.2", state, 4 * state)
            shapes |= _norm(f"{block}.mlp_ln", state)
    shapes |= _norm("encoder.ln_post", dims.n_audio_state) | _norm("decoder.ln", dims.n_text_state)
    shapes |= _affine("encoder.conv1", dims.n_audio_state, dims.n_mels, 3)
    shapes |= _affine("encoder.conv2", dims.n_audio_state, dims.n_audio_state, 3)
    shapes["decoder.token_embedding.weight"] = (dims.n_vocab, dims.n_text_state)
    return shapes


def _affine(name: str, *shape: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": shape, f"{name}.bias": shape[:1]}


def _norm(name: str, state: int) -> dict[str, tuple[int, ...]]:
    return _affine(name, state)


def _attention(name: str, state: int) -> dict[str, tuple[int, ...]]:
    shapes = _norm(f"{name}_ln", state)
    for part in ("query", "key", "value", "out"):
        shapes |= _affine(f"{name}.{part}", state, state)
    del shapes[f"{name}.key.bias"]
    return shapes
