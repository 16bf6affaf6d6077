"""Names that artifacts on disk have: a change of one is a change of the format."""

import pytest

from ovw.artifact import ir_names


def test_states() -> None:
    assert ir_names.cache_states(2) == [
        "past_key_values.0.decoder.key", "past_key_values.0.decoder.value",
        "past_key_values.0.encoder.key", "past_key_values.0.encoder.value",
        "past_key_values.1.decoder.key", "past_key_values.1.decoder.value",
        "past_key_values.1.encoder.key", "past_key_values.1.encoder.value",
    ]  # fmt: skip


def test_states_are_recognised() -> None:
    states = ir_names.cache_states(12)
    assert all(ir_names.is_cache(name) for name in states)
    assert not any(ir_names.is_cache(name) for name in ("input_ids", "past_key_values.0.encoder.key.scale"))
    crosses = [name for name in states if ir_names.is_cross(name)]
    assert crosses == [name for name in states if "encoder" in name]
    assert sorted(states, key=ir_names.cache_order)[2:4] == crosses[:2]


def test_nodes() -> None:
    assert ir_names.attention_node("encoder", 3, ir_names.SELF_ATTENTION) == "encoder.layers.3.self_attn"
    assert ir_names.attention_node("decoder", 0, ir_names.CROSS_ATTENTION) == "decoder.layers.0.encoder_attn"
    assert ir_names.norm_scale(ir_names.attention_norm(1)) == "encoder.blocks.1.attn_ln.weight"
    assert ir_names.norm_scale(ir_names.LAST_NORM) == "encoder.ln_post.weight"
    assert ir_names.POSITIONAL_EMBEDDING == "encoder.positional_embedding"


@pytest.mark.parametrize("kind", [ir_names.SELF_ATTENTION, ir_names.CROSS_ATTENTION])
def test_layers_of_attention(kind: ir_names.AttentionKind) -> None:
    assert ir_names.attention_layer(ir_names.attention_node("decoder", 11, kind), kind) == 11
    assert ir_names.attention_layer("decoder.layers.11.mlp", kind) is None
    assert ir_names.attention_layer("ScaledDotProductAttention_7", kind) is None
