"""What trainers wrap around a Whisper: prefixes, adapters, Lightning; heads of fine-tunes; odd vocabularies."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from support.huggingface_folder import hf_name, hf_state, save_hf
from support.tiny_whisper import TINY

from ovw.convert.sources.checkpoint import Checkpoint, tensors_sha256
from ovw.convert.sources.random import random_checkpoint
from ovw.convert.sources.resolve import load_checkpoint
from ovw.convert.tokenizer import build_tokenizer_json
from ovw.errors import OvwError, UsageError
from ovw.models import Capabilities, Dims, ModelInfo, Sources

SMALL = Dims(**TINY.as_dict() | {"n_vocab": 300, "n_audio_ctx": 20, "n_text_ctx": 12})
"""Of no vocabulary, since none is read here."""
TARGET = "model.decoder.layers.0.self_attn.q_proj"
OURS = "decoder.blocks.0.attn.query.weight"
RANK = 4


@pytest.fixture(scope="module")
def made() -> Checkpoint:
    return random_checkpoint(SMALL).checked()


def lora(name: str = TARGET, seed: int = 0) -> dict[str, torch.Tensor]:
    """The two parts of an adapter of a square projection."""
    generator = torch.Generator().manual_seed(seed)
    shapes = {"A": (RANK, SMALL.n_text_state), "B": (SMALL.n_text_state, RANK)}
    return {f"{name}.lora_{part}.weight": torch.randn(shape, generator=generator) for part, shape in shapes.items()}


def adapted(made: Checkpoint, scale: float, parts: dict[str, torch.Tensor]) -> np.ndarray:
    a, b = (part.numpy() for part in parts.values())
    return made.tensors[OURS].astype(np.float32) + scale * (b @ a)


def save_adapter(folder: Path, tensors: dict[str, torch.Tensor], **config: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    if tensors:
        save_file({f"base_model.model.{k}": v for k, v in tensors.items()}, folder / "adapter_model.safetensors")
    known = {"peft_type": "LORA", "lora_alpha": 8, "r": RANK} | config
    (folder / "adapter_config.json").write_text(json.dumps(known))
    return folder


WRAPPED: dict[str, Callable[[str], str]] = {
    "parallel": lambda name: f"module.{name}",
    "compiled": lambda name: f"_orig_mod.{name}",
    "both": lambda name: f"module._orig_mod.{name}",
    "compiled-layers": lambda name: name.replace("layers.0.", "layers.0._orig_mod."),
    "peft": lambda name: f"base_model.model.{name}".replace("q_proj.", "q_proj.base_layer."),
    "fsdp": lambda name: f"_fsdp_wrapped_module.{name}",
    "no-prefix": lambda name: name.removeprefix("model."),
    "lightning": lambda name: f"model.{name}",
    "another-class": lambda name: f"student.backbone.{name}",
    "plain": lambda name: name,
}


@pytest.mark.parametrize("wrapper", WRAPPED)
def test_prefixes_of_trainers(tmp_path: Path, made: Checkpoint, wrapper: str):
    folder = save_hf(tmp_path / "hf", made)
    save_file({WRAPPED[wrapper](k): v for k, v in hf_state(made).items()}, folder / "model.safetensors")
    read = load_checkpoint(None, str(folder))
    assert tensors_sha256(read.tensors) == tensors_sha256(made.tensors)


def test_an_adapter_beside_its_base_is_merged(tmp_path: Path, made: Checkpoint):
    folder = save_adapter(save_hf(tmp_path / "hf", made), lora())
    read = load_checkpoint(None, str(folder))
    assert np.allclose(read.tensors[OURS].astype(np.float32), adapted(made, 2.0, lora()), atol=1e-5)
    assert read.sha256 is None  # or it would be taken for its base
    others = {k: v for k, v in read.tensors.items() if k != OURS}
    assert tensors_sha256(others) == tensors_sha256({k: v for k, v in made.tensors.items() if k != OURS})


@pytest.mark.parametrize(
    ("config", "scale"),
    [
        ({"lora_alpha": 16}, 4.0),
        ({"lora_alpha": 16, "use_rslora": True}, 8.0),
        ({"alpha_pattern": {"q_proj": 4}}, 1.0),
        ({"alpha_pattern": {r".*\.k_proj": 4}}, 2.0),
    ],
)
def test_the_scale_of_an_adapter(tmp_path: Path, made: Checkpoint, config: dict, scale: float):
    folder = save_adapter(save_hf(tmp_path / "hf", made), lora(), **config)
    read = load_checkpoint(None, str(folder))
    assert np.allclose(read.tensors[OURS].astype(np.float32), adapted(made, scale, lora()), atol=1e-4)


@pytest.mark.parametrize("place", ["base", "adapter/base", "elsewhere"])
def test_an_adapter_finds_its_base(tmp_path: Path, made: Checkpoint, place: str):
    base = save_hf(tmp_path / place, made)
    named = str(base) if place == "elsewhere" else "someone/base" if place == "base" else "base"
    adapter = save_adapter(tmp_path / "adapter", lora(), base_model_name_or_path=named)
    read = load_checkpoint(None, str(adapter))
    assert np.allclose(read.tensors[OURS].astype(np.float32), adapted(made, 2.0, lora()), atol=1e-5)
    assert read.reference == "adapter"


def test_an_adapter_without_its_base(tmp_path: Path):
    adapter = save_adapter(tmp_path / "adapter", lora(), base_model_name_or_path="openai/whisper-small")
    with pytest.raises(UsageError, match="holds an adapter of openai/whisper-small, which is not there") as caught:
        load_checkpoint(None, str(adapter))
    assert "put its config.json and model.safetensors into" in caught.value.hint


def test_lora_layers_within_a_state_dict(tmp_path: Path, made: Checkpoint):
    folder = save_hf(tmp_path / "hf", made)
    state = {WRAPPED["peft"](k): v for k, v in hf_state(made).items()}
    state |= {f"base_model.model.{k.replace('.weight', '.default.weight')}": v for k, v in lora().items()}
    save_file(state, folder / "model.safetensors")
    with pytest.raises(OvwError, match=r"adapter_config\.json, which is missing"):
        load_checkpoint(None, str(folder))
    (folder / "adapter_config.json").write_text(json.dumps({"lora_alpha": 8}))
    read = load_checkpoint(None, str(folder))
    assert np.allclose(read.tensors[OURS].astype(np.float32), adapted(made, 2.0, lora()), atol=1e-5)


@pytest.mark.parametrize(
    ("tensors", "config", "message"),
    [
        (lora(), {"peft_type": "IA3"}, "an adapter of type IA3"),
        (lora(), {"use_dora": True}, "an adapter of type DoRA"),
        (lora(), {"init_lora_weights": "pissa_niter_4"}, "began as pissa_niter_4, which changes the weights"),
        (lora(), {"init_lora_weights": "lora_ga"}, "began as lora_ga, which changes the weights"),
        (lora(), {"alora_invocation_tokens": [5]}, "an adapter of type LoRA with alora_invocation_tokens"),
        (lora("model.decoder.layers.9.self_attn.q_proj"), {}, r"adapts model\.decoder\.layers\.9\.self_attn\.q_proj"),
        ({f"{TARGET}.lora_A.weight": torch.ones(RANK, 128)}, {}, "does not hold whole"),
        ({k: v[:, :2].contiguous() for k, v in lora().items()}, {}, r"does not fit \[128, 128\]"),
        ({}, {}, r"has adapter_config\.json, but no adapter_model"),
    ],
)
def test_adapters_that_cannot_be_merged(tmp_path: Path, made: Checkpoint, tensors: dict, config: dict, message: str):
    folder = save_adapter(save_hf(tmp_path / "hf", made), tensors, **config)
    with pytest.raises(OvwError, match=message):
        load_checkpoint(None, str(folder))


@pytest.mark.parametrize("ours", [True, False])
@pytest.mark.parametrize("holder", ["state_dict", "model_state_dict", "model", None])
@pytest.mark.parametrize("ending", ["ckpt", "pt"])
def test_state_dicts_without_dimensions(tmp_path: Path, made: Checkpoint, ours: bool, holder: str | None, ending: str):
    names = {name: name if ours else hf_name(name) for name in made.tensors}
    state = {f"model.{names[k]}": torch.from_numpy(np.array(v)) for k, v in made.tensors.items()}
    path = tmp_path / f"epoch.{ending}"
    torch.save({holder: state, "epoch": 3} if holder else state, path)
    read = load_checkpoint(None, str(path))
    assert read.dims == SMALL
    assert tensors_sha256(read.tensors) == tensors_sha256(made.tensors)


def test_names_that_are_there_are_shown(tmp_path: Path, made: Checkpoint):
    torch.save({"state_dict": {"backbone.conv.weight": torch.ones(1), "head.bias": torch.ones(1)}}, tmp_path / "a.ckpt")
    with pytest.raises(OvwError, match=r"it holds backbone\.conv\.weight, head\.bias"):
        load_checkpoint(None, str(tmp_path / "a.ckpt"))
    folder = save_hf(tmp_path / "hf", made)
    save_file({k.replace("conv1", "first"): v for k, v in hf_state(made).items()}, folder / "model.safetensors")
    with pytest.raises(OvwError, match=r"conv1\.weight is missing.*first\.bias is unknown"):
        load_checkpoint(None, str(folder))
    save_file({f"a.{i}": v for i, v in enumerate(hf_state(made).values())}, folder / "model.safetensors")
    with pytest.raises(OvwError, match=r"tensors are missing, such as .*; it holds model\.a\."):
        load_checkpoint(None, str(folder))


def test_a_size_lends_its_heads(tmp_path: Path, made: Checkpoint):
    known = ModelInfo("tiny-test", SMALL, Capabilities(("en", "de"), True), Sources("x/y"), ((1, 0),))
    fine_tune = str(save_hf(tmp_path / "hf", made))
    assert load_checkpoint(None, fine_tune).alignment_heads is None
    assert load_checkpoint(known, fine_tune).alignment_heads == ((1, 0),)


def test_a_vocabulary_without_timestamps_is_refused_for_that():
    tokenizer = json.loads(build_tokenizer_json(TINY, None))
    tokenizer["added_tokens"] = [t for t in tokenizer["added_tokens"] if not t["content"][2:3].isdigit()]
    tokenizer["model"]["vocab"] = {w: i for w, i in tokenizer["model"]["vocab"].items() if i != 1000}  # not OpenAI's
    dims = Dims(**TINY.as_dict() | {"n_vocab": 50364})
    with pytest.raises(OvwError, match="vocabulary of 50364 tokens has no timestamp tokens"):
        build_tokenizer_json(dims, json.dumps(tokenizer))


@pytest.mark.parametrize(
    ("n_vocab", "kept", "found"),
    [(50364, None, "no"), (50364, 0, "no"), (50365, None, "no"), (51114, 750, "750 of 1501")],
)
def test_how_many_timestamps_are_missing(n_vocab: int, kept: int | None, found: str):
    """Also without a tokenizer, and in a vocabulary that holds some of them."""
    tokenizer = json.loads(build_tokenizer_json(TINY, None))
    tokenizer["added_tokens"] = [t for t in tokenizer["added_tokens"] if t["id"] < 50364 + (kept or 0)]
    dims = Dims(**TINY.as_dict() | {"n_vocab": n_vocab})
    with pytest.raises(OvwError, match=f"vocabulary of {n_vocab} tokens has {found} timestamp tokens"):
        build_tokenizer_json(dims, None if kept is None else json.dumps(tokenizer))
