"""Hugging Face Whisper folders, written independently of the reader: names by transformers' own module structure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from ovw.convert.sources.checkpoint import Checkpoint
from ovw.convert.tokenizer import build_tokenizer_json
from ovw.models import Dims

RENAMED = (
    ("blocks", "layers"), ("attn_ln", "self_attn_layer_norm"), ("cross_self_attn_layer_norm", "encoder_attn_layer_norm"),
    ("mlp_ln", "final_layer_norm"), ("mlp.0", "fc1"), ("mlp.2", "fc2"), ("cross_attn.", "encoder_attn."),
    (".attn.", ".self_attn."), ("query", "q_proj"), ("key", "k_proj"), ("value", "v_proj"), (".out.", ".out_proj."),
    ("ln_post", "layer_norm"), ("decoder.ln.", "decoder.layer_norm."), ("positional_embedding", "embed_positions.weight"),
    ("token_embedding", "embed_tokens"),
)  # fmt: skip


def hf_name(name: str) -> str:
    for ours, theirs in RENAMED:
        name = name.replace(ours, theirs)
    return f"model.{name}"


def hf_state(checkpoint: Checkpoint) -> dict[str, torch.Tensor]:
    return {hf_name(name): torch.from_numpy(np.array(value)) for name, value in checkpoint.tensors.items()}


def hf_config(dims: Dims) -> dict[str, object]:
    return {
        "model_type": "whisper", "d_model": dims.n_audio_state, "num_mel_bins": dims.n_mels,
        "encoder_layers": dims.n_audio_layer, "encoder_attention_heads": dims.n_audio_head,
        "decoder_layers": dims.n_text_layer, "decoder_attention_heads": dims.n_text_head,
        "max_source_positions": dims.n_audio_ctx, "max_target_positions": dims.n_text_ctx,
        "vocab_size": dims.n_vocab, "activation_function": "gelu", "scale_embedding": False,
    }  # fmt: skip


def save_hf(
    folder: Path,
    checkpoint: Checkpoint,
    *,
    shards: int = 1,
    pickled: bool = False,
    dtype: torch.dtype | None = None,
    generation: Mapping[str, object] | None = None,
    tokenizer_json: str | None = None,
    extra: Mapping[str, torch.Tensor] | None = None,
) -> Path:
    """A folder as `save_pretrained` leaves it."""
    folder.mkdir(parents=True)
    state = {k: v.to(dtype) if dtype else v for k, v in hf_state(checkpoint).items()} | dict(extra or {})
    (folder / "config.json").write_text(json.dumps(hf_config(checkpoint.dims)))
    if generation is not None:
        (folder / "generation_config.json").write_text(json.dumps(generation))
    if tokenizer_json:
        (folder / "tokenizer.json").write_text(tokenizer_json, encoding="utf-8")
    if pickled:
        torch.save(state, folder / "pytorch_model.bin")
    elif shards == 1:
        save_file(state, folder / "model.safetensors")
    else:
        names = [f"model-{i + 1:05}-of-{shards:05}.safetensors" for i in range(shards)]
        for i, name in enumerate(names):
            save_file({k: state[k] for k in sorted(state)[i::shards]}, folder / name)
        placed = {k: names[i % shards] for i, k in enumerate(sorted(state))}
        (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": placed}))
    return folder


_official = cache(build_tokenizer_json)


def with_more_words(dims: Dims, words: list[str]) -> str:
    """The official tokenizer of `dims` with words added behind the timestamps, as `add_tokens` does."""
    tokenizer = json.loads(_official(dims, None))
    for i, word in enumerate(words):
        flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized", "special"), False)
        tokenizer["added_tokens"].append({"id": dims.n_vocab + i, "content": word, **flags})
    return json.dumps(tokenizer)
