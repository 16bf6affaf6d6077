"""Names inside the IRs of the genai layout: of states, attention, norms and the positional embedding.

`convert/graphs` writes them, and `ovw.runtime.fast.adapt` gives them to graphs of other programs. The fast path, word
times, parity checks and the roofline find their places in a graph by them; openvino-genai looks for `encoder_attn`.
A constant has its name in openai/whisper's state dict.
"""

from __future__ import annotations

import re
from typing import Literal

Graph = Literal["encoder", "decoder"]
Side = Literal["decoder", "encoder"]
"""Of a cache: keys and values of the decoder's own tokens, or of the encoder's output."""
AttentionKind = Literal["self_attn", "encoder_attn"]

SELF: Side = "decoder"
CROSS: Side = "encoder"
PARTS = ("key", "value")
SELF_ATTENTION: AttentionKind = "self_attn"
CROSS_ATTENTION: AttentionKind = "encoder_attn"

POSITIONAL_EMBEDDING = "encoder.positional_embedding"
LAST_NORM = "encoder.ln_post"
"""The norm behind the encoder's last block."""

MASKED_SCORE = -65504.0
"""Added to the score of a position that is masked or absent: the lowest f16, so that it survives any precision."""
KV_CACHE_PRECISION = ("runtime_options", "KV_CACHE_PRECISION")
"""Path in the `rt_info` of a decoder."""

_CACHE = re.compile(r"past_key_values\.(\d+)\.(decoder|encoder)\.(key|value)")
_ATTENTION = re.compile(r"(?:encoder|decoder)\.layers\.(\d+)\.(self_attn|encoder_attn)")


def cache_state(layer: int, side: Side, part: str) -> str:
    """The state that holds a layer's keys or values (`PARTS`)."""
    return f"past_key_values.{layer}.{side}.{part}"


def cache_states(layers: int) -> list[str]:
    """All states of a decoder of so many layers."""
    return [cache_state(layer, side, part) for layer in range(layers) for side in (SELF, CROSS) for part in PARTS]


def is_cache(name: str) -> bool:
    """Whether it is the name of a cache, as state or, with optimum-intel, as input."""
    return _CACHE.fullmatch(name) is not None


def is_cross(name: str) -> bool:
    """Whether a cache, or what is named after one, belongs to cross attention."""
    return f".{CROSS}." in name


def cache_order(name: str) -> tuple[int, str]:
    """Sorts caches layer by layer, keys before values."""
    return int(name.split(".")[1]), name


def present_of(cache: str) -> str:
    """The output in which optimum-intel returns a cache that is an input."""
    return cache.replace("past_key_values", "present")


def attention_node(graph: Graph, layer: int, kind: AttentionKind) -> str:
    """The attention of a layer."""
    return f"{graph}.layers.{layer}.{kind}"


def attention_layer(name: str, kind: AttentionKind) -> int | None:
    """The layer of an attention of this kind; `None` for any other name."""
    found = _ATTENTION.fullmatch(name)
    return int(found[1]) if found and found[2] == kind else None


def attention_norm(layer: int) -> str:
    """The norm before the self attention of an encoder's block."""
    return f"encoder.blocks.{layer}.attn_ln"


def norm_scale(norm: str) -> str:
    """The constant that multiplies the output of a norm."""
    return f"{norm}.weight"
