"""The pieces both halves of Whisper are made of, as OpenVINO graph nodes.

Every function takes graph nodes and the checkpoint's tensors and returns a node; nothing is traced, so what stands
here is what ends up in the IR. Names follow openai/whisper's state dict, and attention nodes carry the names that
`ovw.artifact.ir_names` lists.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import openvino as ov
import openvino.opset15 as ops
from numpy.typing import NDArray

from ovw.artifact.ir_names import norm_scale
from ovw.models import Dims

LAYER_NORM_EPS = 1e-5


@dataclass(frozen=True)
class Weights:
    """Checkpoint tensors as graph constants, seen from inside one module.

    Args:
        tensors: openai/whisper's state dict as NumPy arrays.
        prefix: what is prepended to every name that is asked for.
    """

    tensors: Mapping[str, NDArray[np.floating]]
    prefix: str = ""

    def at(self, name: str) -> Weights:
        """These tensors, seen from inside the module `name`."""
        return Weights(self.tensors, f"{self.prefix}{name}.")

    def has(self, name: str) -> bool:
        return self.prefix + name in self.tensors

    def __getitem__(self, name: str) -> ov.Node:
        """The tensor as an f32 constant of its own name."""
        full = self.prefix + name
        node = ov.op.Constant(np.ascontiguousarray(self.tensors[full], np.float32), shared_memory=True)
        node.set_friendly_name(full)
        return node


def i64(*values: int) -> ov.Node:
    """A vector constant of indices or dimensions."""
    return ops.constant(np.array(values, np.int64))


def scalar(value: int) -> ov.Node:
    """An index or dimension without axes."""
    return ops.constant(np.int64(value))


def dimension(node: ov.Node, axis: int, *, keep_axis: bool) -> ov.Node:
    """One dimension of a node's shape, as a vector of one (`keep_axis`) or as a scalar."""
    return ops.gather(ops.shape_of(node), i64(axis) if keep_axis else scalar(axis), scalar(0))


def linear(x: ov.Node, w: Weights, name: str) -> ov.Node:
    """`x @ weight.T (+ bias)`, the bias where the checkpoint has one (Whisper's keys have none)."""
    y = ops.matmul(x, w[f"{name}.weight"], transpose_a=False, transpose_b=True, name=f"{w.prefix}{name}")
    return ops.add(y, w[f"{name}.bias"]) if w.has(f"{name}.bias") else y


def layer_norm(x: ov.Node, w: Weights, name: str) -> ov.Node:
    """Layer normalisation over the last axis with the checkpoint's scale and shift."""
    y = ops.mvn(x, i64(-1), normalize_variance=True, eps=LAYER_NORM_EPS, eps_mode="inside_sqrt")
    return ops.add(ops.multiply(y, w[norm_scale(name)]), w[f"{name}.bias"])


def mlp(x: ov.Node, w: Weights) -> ov.Node:
    """The position-wise feed-forward block, exact (erf) GELU."""
    hidden = ops.gelu(linear(layer_norm(x, w, "mlp_ln"), w, "mlp.0"), "erf")
    return linear(hidden, w, "mlp.2")


def split_heads(x: ov.Node, heads: int, head_dim: int) -> ov.Node:
    """[B, n, heads * head_dim] -> [B, heads, n, head_dim]."""
    return ops.transpose(ops.reshape(x, i64(0, 0, heads, head_dim), special_zero=True), i64(0, 2, 1, 3))


def merge_heads(x: ov.Node, width: int) -> ov.Node:
    """[B, heads, n, head_dim] -> [B, n, width]."""
    return ops.reshape(ops.transpose(x, i64(0, 2, 1, 3)), i64(0, 0, width), special_zero=True)


def attention(
    q: ov.Node, k: ov.Node, v: ov.Node, w: Weights, width: int, name: str, mask: ov.Node | None = None
) -> ov.Node:
    """Scaled dot-product attention over split heads, merged and projected by `out`.

    The scale goes onto the queries, which are few, and not onto the keys, of which cross attention has 1500.

    Args:
        q: queries [B, heads, n, head_dim].
        k: keys [B, heads, S, head_dim].
        v: values, shaped as the keys.
        w: of the attention module.
        width: heads * head_dim.
        name: of the attention node.
        mask: additive, broadcastable to [B, heads, n, S]; none for full attention.
    """
    head_dim = q.get_output_partial_shape(0)[3].get_length()
    q = ops.multiply(q, ops.constant(np.float32(head_dim**-0.5)))
    no_mask = ops.constant(np.float32(0))
    one = ops.constant(np.float32(1))
    scores = ops.scaled_dot_product_attention(q, k, v, no_mask if mask is None else mask, one, causal=False, name=name)
    return linear(merge_heads(scores, width), w, "out")


def self_attention_inputs(x: ov.Node, w: Weights, heads: int, head_dim: int) -> list[ov.Node]:
    """Queries, keys and values of normalised activations, [B, heads, n, head_dim] each."""
    return [split_heads(linear(x, w, part), heads, head_dim) for part in ("query", "key", "value")]


def heads_of(dims: Dims, part: str) -> tuple[int, int]:
    """(number of heads, width of a head) of the encoder (`audio`) or decoder (`text`)."""
    state: int = getattr(dims, f"n_{part}_state")
    heads: int = getattr(dims, f"n_{part}_head")
    return heads, state // heads
