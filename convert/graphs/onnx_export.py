"""torch -> ONNX: openai/whisper's modules traced by `torch.onnx`, caches as inputs and outputs.

Three graphs, as in `stateless`: `encoder`, `cross` and `step`, with the same port names; caches have split heads.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn
from torch.nn import functional

from ovw.artifact.graphs import cache_names, cross_names, own_names
from ovw.artifact.port_names import AUDIO_FEATURES, LOGITS, MEL, OUTPUT_FEATURES, TOKENS
from ovw.artifact.precisions import precision_row
from ovw.convert.graphs.blocks import heads_of
from ovw.convert.reference import load_decoder, load_encoder

if TYPE_CHECKING:
    from whisper.model import AudioEncoder, MultiHeadAttention, TextDecoder

    from ovw.convert.sources.checkpoint import Checkpoint

OPSET = 17
SMALL_BYTES = 1024
"""Constants below this stay inside the `.onnx` file, and in f32."""
GRAPHS = ("encoder", "cross", "step")


def export_encoder(checkpoint: Checkpoint, path: Path) -> None:
    """`mel` [B, n_mels, frames] -> `output_features` [B, frames / 2, state]."""
    d = checkpoint.dims
    example = torch.zeros(1, d.n_mels, d.n_frames)
    axes = {MEL: {0: "batch", 2: "frames"}, OUTPUT_FEATURES: {0: "batch", 1: "positions"}}
    _export(_Encoder(load_encoder(checkpoint)), (example,), path, [MEL], [OUTPUT_FEATURES], axes)


def export_cross(checkpoint: Checkpoint, path: Path) -> None:
    """`audio_features` [A, S, state] -> `out_k_0c`, `out_v_0c` ... [A, heads, S, head_dim]."""
    d = checkpoint.dims
    outputs = [f"out_{name}" for name in cross_names(d)]
    axes = {name: {0: "audio", 2: "positions"} for name in outputs}
    axes[AUDIO_FEATURES] = {0: "audio", 1: "positions"}
    example = torch.zeros(1, d.n_audio_ctx, d.n_audio_state)
    _export(_Cross(load_decoder(checkpoint)), (example,), path, [AUDIO_FEATURES], outputs, axes)


def export_step(checkpoint: Checkpoint, path: Path) -> None:
    """`tokens` i64 [B, n], `in_k_0a` ... [B, heads, past, head_dim], `in_k_0c` ... [A, heads, S, head_dim]
    -> `logits` [B, n, n_vocab], `out_k_0a` ... [B, heads, past + n, head_dim].
    """  # noqa: D205
    d = checkpoint.dims
    heads, head_dim = heads_of(d, "text")
    sizes = {"a": 3, "c": d.n_audio_ctx}
    caches = tuple(torch.zeros(2, heads, sizes[name[-1]], head_dim) for name in cache_names(d))
    inputs = [TOKENS, *(f"in_{name}" for name in cache_names(d))]
    outputs = [LOGITS, *(f"out_{name}" for name in own_names(d))]
    axes = {
        f"in_{n}": {0: "batch", 2: "past"} if n.endswith("a") else {0: "audio", 2: "positions"} for n in cache_names(d)
    }
    axes |= {f"out_{n}": {0: "batch", 2: "length"} for n in own_names(d)}
    axes |= {name: {0: "batch", 1: "new"} for name in (TOKENS, LOGITS)}
    tokens = torch.zeros(2, 2, dtype=torch.int64)
    _export(_Step(load_decoder(checkpoint)), (tokens, *caches), path, inputs, outputs, axes)


def finish(source: Path, target: Path, precision: str, metadata: dict[str, str]) -> None:
    """Rewrite an exported graph for its consumers: weights beside it in `.onnx.data`, in f16 for `fp16`.

    Args:
        source: as exported.
        target: `NAME.onnx`.
        precision: `fp16` stores weights in f16, cast to f32 when the graph is loaded.
        metadata: for the graph's metadata, under `ovw.`.
    """
    model = onnx.load(source)
    if precision_row(precision).stores_f16:
        _store_half(model.graph)
    helper.set_model_props(model, {f"ovw.{key}": value for key, value in metadata.items()})
    data = f"{target.name}.data"
    onnx.save_model(model, target, save_as_external_data=True, location=data, size_threshold=SMALL_BYTES)
    (target.parent / data).chmod(target.stat().st_mode)  # onnx keeps it to its owner


def _store_half(graph: onnx.GraphProto) -> None:
    """f32 weights as f16 behind a cast, which onnxruntime folds at load time."""
    casts = []
    for tensor in graph.initializer:
        if tensor.data_type != TensorProto.FLOAT:
            continue
        values = numpy_helper.to_array(tensor)
        if values.nbytes < SMALL_BYTES:
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}.f16"))
        casts.append(helper.make_node("Cast", [f"{name}.f16"], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def _export(
    module: nn.Module,
    example: tuple[Tensor, ...],
    path: Path,
    inputs: list[str],
    outputs: list[str],
    axes: dict[str, dict[int, str]],
) -> None:
    names: dict[str, Any] = {"input_names": inputs, "output_names": outputs, "dynamic_axes": axes}
    with torch.inference_mode(), warnings.catch_warnings():
        # the tracing exporter is on its way out, its successor wants one more package for the same graph
        warnings.simplefilter("ignore", DeprecationWarning)
        # past 2 GB the weights go into files beside, but only if the path is a string
        torch.onnx.export(
            module.eval(), example, str(path), **names, opset_version=OPSET, do_constant_folding=False, dynamo=False
        )


class _Encoder(nn.Module):  # type: ignore[misc]
    """openai/whisper's encoder for any number of frames: shorter windows take the first positions."""

    def __init__(self, encoder: AudioEncoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, mel: Tensor) -> Tensor:
        x = functional.gelu(self.encoder.conv1(mel))
        x = functional.gelu(self.encoder.conv2(x)).permute(0, 2, 1)
        x = x + self.encoder.positional_embedding[: x.shape[1]]
        for block in self.encoder.blocks:
            h = block.attn_ln(x)
            q, k, v = (_split(part(h), block.attn.n_head) for part in _projections(block.attn))
            x = x + _attend(block.attn, q, k, v)
            x = x + block.mlp(block.mlp_ln(x))
        out: Tensor = self.encoder.ln_post(x)
        return out


class _Cross(nn.Module):  # type: ignore[misc]
    """The cross-attention keys and values of a window."""

    def __init__(self, decoder: TextDecoder) -> None:
        super().__init__()
        self.layers = nn.ModuleList(block.cross_attn for block in decoder.blocks)

    def forward(self, audio: Tensor) -> tuple[Tensor, ...]:
        return tuple(_split(part(audio), layer.n_head) for layer in self.layers for part in (layer.key, layer.value))


class _Step(nn.Module):  # type: ignore[misc]
    """openai/whisper's decoder over given caches."""

    def __init__(self, decoder: TextDecoder) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, tokens: Tensor, *caches: Tensor) -> tuple[Tensor, ...]:
        past, new = caches[0].shape[2], tokens.shape[1]
        length = past + new
        # with the batch axis written out, as `decoder.causal_mask` has it
        mask = self.decoder.mask[past:length, :length].expand(tokens.shape[0], 1, -1, -1)
        x = self.decoder.token_embedding(tokens) + self.decoder.positional_embedding[past:length]
        grown: list[Tensor] = []
        for i, block in enumerate(self.decoder.blocks):
            own_k, own_v, k, v = caches[4 * i : 4 * i + 4]
            h = block.attn_ln(x)
            q, new_k, new_v = (_split(part(h), block.attn.n_head) for part in _projections(block.attn))
            own = (torch.cat([own_k, new_k], 2), torch.cat([own_v, new_v], 2))
            grown += own
            x = x + _attend(block.attn, q, *own, mask)
            # the rows that share an audio stand one behind the other among its queries
            q = block.cross_attn.query(block.cross_attn_ln(x)).reshape(k.shape[0], -1, x.shape[2])
            x = x + _attend(block.cross_attn, _split(q, block.cross_attn.n_head), k, v).reshape(x.shape)
            x = x + block.mlp(block.mlp_ln(x))
        return functional.linear(self.decoder.ln(x), self.decoder.token_embedding.weight), *grown


def _projections(attention: MultiHeadAttention) -> tuple[nn.Module, nn.Module, nn.Module]:
    return attention.query, attention.key, attention.value


def _split(x: Tensor, heads: int) -> Tensor:
    """[B, n, heads * head_dim] -> [B, heads, n, head_dim]."""
    return x.reshape(x.shape[0], -1, heads, x.shape[2] // heads).permute(0, 2, 1, 3)


def _attend(attention: MultiHeadAttention, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
    """Scaled dot-product attention, merged and projected; the scale goes onto the queries, which are few."""
    scores = (q * q.shape[3] ** -0.5) @ k.transpose(2, 3)
    weights = torch.softmax(scores if mask is None else scores + mask, -1)
    merged = (weights @ v).permute(0, 2, 1, 3)
    out: Tensor = attention.out(merged.reshape(merged.shape[0], -1, attention.out.in_features))
    return out
