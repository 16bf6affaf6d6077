"""The audio encoder as an OpenVINO graph: log-mel in, hidden states out."""

from __future__ import annotations

import numpy as np
import openvino as ov
import openvino.opset15 as ops

from ovw.artifact import ir_names
from ovw.artifact.port_names import INPUT_FEATURES, LAST_HIDDEN_STATE
from ovw.convert.graphs.blocks import (
    Weights,
    attention,
    dimension,
    heads_of,
    i64,
    layer_norm,
    mlp,
    self_attention_inputs,
)
from ovw.models import Dims


def build_encoder(weights: Weights, dims: Dims) -> ov.Model:
    """Build the encoder.

    Args:
        weights: of the whole checkpoint.
        dims: of the model.

    Returns:
        `input_features` [B, n_mels, frames] -> `last_hidden_state` [B, frames / 2, state], f32, for any frames up to
        twice `n_audio_ctx`: shorter windows take the first positions.
    """
    w = weights.at("encoder")
    mel = ops.parameter(ov.PartialShape([-1, dims.n_mels, -1]), np.float32, name=INPUT_FEATURES)
    mel.output(0).set_names({INPUT_FEATURES})
    x = ops.transpose(_conv(_conv(mel, w, "conv1", 1), w, "conv2", 2), i64(0, 2, 1))
    x = ops.add(x, _positions(weights, x))
    for i in range(dims.n_audio_layer):
        x = _block(x, weights, dims, i)
    result = ops.result(layer_norm(x, weights, ir_names.LAST_NORM), name=LAST_HIDDEN_STATE)
    result.input_value(0).set_names({LAST_HIDDEN_STATE})
    return ov.Model([result], [mel], "whisper_encoder")


def _conv(x: ov.Node, w: Weights, name: str, stride: int) -> ov.Node:
    y = ops.convolution(x, w[f"{name}.weight"], [stride], [1], [1], [1])
    return ops.gelu(ops.add(y, ops.unsqueeze(w[f"{name}.bias"], i64(0, 2))), "erf")


def _positions(weights: Weights, x: ov.Node) -> ov.Node:
    """As many rows of the positional embedding as `x` [B, n, state] has positions."""
    return ops.slice(weights[ir_names.POSITIONAL_EMBEDDING], i64(0), dimension(x, 1, keep_axis=True), i64(1), i64(0))


def _block(x: ov.Node, weights: Weights, dims: Dims, layer: int) -> ov.Node:
    heads, head_dim = heads_of(dims, "audio")
    w = weights.at(f"encoder.blocks.{layer}")
    attn = w.at("attn")
    q, k, v = self_attention_inputs(layer_norm(x, weights, ir_names.attention_norm(layer)), attn, heads, head_dim)
    name = ir_names.attention_node("encoder", layer, ir_names.SELF_ATTENTION)
    x = ops.add(x, attention(q, k, v, attn, dims.n_audio_state, name))
    return ops.add(x, mlp(x, w))
