"""Hugging Face folders: `config.json`, safetensors (or PyTorch's own files), tokenizer and generation config.

Fine-tunes and distil-whisper included: other vocabularies, fewer decoder layers, alignment heads that are missing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from ovw.artifact import names
from ovw.artifact.hashing import file_sha256
from ovw.control_tokens import END, NO_TIMESTAMPS, token_of
from ovw.convert.sources.checkpoint import Checkpoint, CheckpointFormat, alignment_heads, tensor_shapes
from ovw.convert.sources.generation import from_huggingface
from ovw.convert.sources.identity import declared_capabilities, require_openai_ids
from ovw.convert.sources.pytorch import load_pickle, to_arrays, to_numpy
from ovw.convert.sources.wrappers import ADAPTED, merge_adapter, unwrap
from ovw.convert.tokenizer import byte_level
from ovw.errors import OvwError, UsageError, quoted
from ovw.home import real_path, user_path
from ovw.models import CONFIG_KEYS, Dims
from ovw.parsing import FETCH_AGAIN, load_object
from ovw.text_files import read_text

Arrays = dict[str, NDArray[np.floating]]
FIXED = {"model_type": "whisper", "activation_function": "gelu", "scale_embedding": False}
"""Settings that Whisper's architecture fixes."""
MODULES = {
    "attn_ln": "self_attn_layer_norm", "cross_attn_ln": "encoder_attn_layer_norm", "mlp_ln": "final_layer_norm",
    "attn": "self_attn", "cross_attn": "encoder_attn", "mlp.0": "fc1", "mlp.2": "fc2",
    "query": "q_proj", "key": "k_proj", "value": "v_proj", "out": "out_proj",
}  # fmt: skip
TOPS = {
    "encoder.positional_embedding": "encoder.embed_positions.weight",
    "decoder.positional_embedding": "decoder.embed_positions.weight",
    "decoder.token_embedding.weight": "decoder.embed_tokens.weight",
    "encoder.ln_post.weight": "encoder.layer_norm.weight", "encoder.ln_post.bias": "encoder.layer_norm.bias",
    "decoder.ln.weight": "decoder.layer_norm.weight", "decoder.ln.bias": "decoder.layer_norm.bias",
}  # fmt: skip
BLOCK_TENSOR = re.compile(r"(encoder|decoder)\.blocks\.(\d+)\.(.+)\.(weight|bias)")
ADAPTER_CONFIG = "adapter_config.json"
ADAPTER_FILES = ("adapter_model.safetensors", "adapter_model.bin")
PREFIX = "model."
EMBEDDING, OUTPUT = "model.decoder.embed_tokens.weight", "proj_out.weight"


def find_weights(folder: Path) -> str | None:
    """The file that holds, or names, the weights of a Hugging Face folder; `None` where there is none."""
    if not (folder / names.CONFIG).is_file():
        return None
    return next((name for name in names.CHECKPOINT_WEIGHTS if (folder / name).is_file()), None)


def read_huggingface(folder: Path, reference: str | None = None, adapter: Path | None = None) -> Checkpoint:
    """Read a Hugging Face Whisper folder.

    Args:
        folder: with `config.json` and the weights.
        reference: what it is called; by default its name.
        adapter: a folder with a LoRA adapter to merge; by default the same one.

    Raises:
        OvwError: files missing or damaged, or another architecture.
        ValueError: damaged weights.
    """
    weights = find_weights(folder)
    if weights is None:
        hint = f"a Hugging Face folder has {names.CONFIG} and {names.CHECKPOINT_WEIGHTS[0]}"
        raise OvwError(f"{folder} holds no weights", hint)
    dims = _dims(folder)
    generation = _optional(folder, names.GENERATION_CONFIG)
    whole, merged = with_adapter(unwrap(_load(folder, weights)), adapter or folder)
    tensors = rename(whole, dims)
    tokenizer = read_tokenizer(folder)
    if tokenizer is None:
        require_openai_ids(dims, _control_ids(generation), str(folder))
    can, steered = declared_capabilities(generation, tokenizer, dims)
    return Checkpoint(
        dims=dims,
        tensors=tensors,
        kind="huggingface",
        reference=reference or real_path(folder).name,
        sha256=None if merged or weights.endswith(".json") else file_sha256(folder / weights),
        alignment_heads=alignment_heads(generation.get("alignment_heads"), dims),
        tokenizer_json=json.dumps(tokenizer, ensure_ascii=False) if tokenizer else None,
        capabilities=can,
        steered=steered,
        generation=from_huggingface(generation, load_object(folder / names.CONFIG), tokenizer, dims),
    )


def _control_ids(generation: Mapping[str, Any]) -> dict[str, int]:
    """Ids of the control tokens that a generation config names."""
    tasks = {token_of(task): token for task, token in (generation.get("task_to_id") or {}).items()}
    found = {
        **(generation.get("lang_to_id") or {}),
        **tasks,
        NO_TIMESTAMPS: generation.get("no_timestamps_token_id"),
    }
    return {word: token for word, token in found.items() if isinstance(token, int)}


def with_adapter(tensors: Arrays, folder: Path) -> tuple[Arrays, bool]:
    """Tensors under full names with the LoRA adapter merged that is among them or in a folder, and whether one was.

    Raises:
        OvwError: an adapter that cannot be merged.
        ValueError: a damaged one.
    """
    full = {_full(name): value for name, value in tensors.items()}
    base = {name: value for name, value in full.items() if ADAPTED not in name}
    file = next((folder / name for name in ADAPTER_FILES if (folder / name).is_file()), None)
    if file is not None:
        adapter = {_full(name): value for name, value in unwrap(_read_file(file)).items()}
    else:
        adapter = {name: value for name, value in full.items() if ADAPTED in name}
    if not adapter and (folder / ADAPTER_CONFIG).is_file():
        raise OvwError(
            f"{folder} has {ADAPTER_CONFIG}, but no {ADAPTER_FILES[0]}",
            f"put the adapter beside it, or remove {ADAPTER_CONFIG} if it is merged already",
        )
    if not adapter:
        return base, False
    config = load_object(folder / ADAPTER_CONFIG) if (folder / ADAPTER_CONFIG).is_file() else None
    return merge_adapter(base, adapter, config, str(file or folder)), True


def _full(name: str) -> str:
    return name if name.startswith((PREFIX, OUTPUT.removesuffix("weight"))) else PREFIX + name


def read_adapter(folder: Path) -> Checkpoint:
    """Read a LoRA adapter together with its base: in a folder that it names, below it, or beside it.

    Raises:
        OvwError: the base is not on this machine, or the adapter cannot be merged.
    """
    named = str(load_object(folder / ADAPTER_CONFIG).get("base_model_name_or_path") or "a base it does not name")
    for base in (user_path(named), folder / named, folder.parent / Path(named).name):
        if base.is_dir() and find_weights(base):
            return read_huggingface(base, real_path(folder).name, folder)
    raise UsageError(
        f"{folder} holds an adapter of {named}, which is not there",
        f"put its config.json and model.safetensors into {folder}, or its folder beside it",
    )


def names_of(dims: Dims) -> dict[str, str]:
    """Hugging Face's name -> openai/whisper's name, of every tensor of a model."""
    return {PREFIX + _theirs(name): name for name in tensor_shapes(dims)}


def _theirs(name: str) -> str:
    match = BLOCK_TENSOR.fullmatch(name)
    if match is None:
        return TOPS.get(name, name)  # the convolutions have the same names
    side, layer, module, kind = match.groups()
    path = MODULES.get(module) or ".".join(MODULES[part] for part in module.split("."))
    return f"{side}.layers.{layer}.{path}.{kind}"


def rename(tensors: Arrays, dims: Dims) -> Arrays:
    """The tensors under openai/whisper's names; those of no known name keep theirs, to be reported as unknown.

    Raises:
        OvwError: an output projection of its own, which Whisper does not have.
        ValueError: more layers than tensors.
    """
    full = {_full(name): value for name, value in tensors.items()}
    output = full.pop(OUTPUT, None)
    if output is not None and not np.array_equal(output, full.get(EMBEDDING, output)):
        raise OvwError(
            f"{OUTPUT} differs from the token embeddings: Whisper has one matrix for both",
            "tie the weights, and save the model again",
        )
    if output is not None:
        full.setdefault(EMBEDDING, output)
    if (layers := max(dims.n_audio_layer, dims.n_text_layer)) > len(full):
        raise ValueError(f"{names.CONFIG} gives {layers} layers, there are {len(full)} tensors")
    known = names_of(dims)
    return {known.get(name, name): value for name, value in full.items()}


def _dims(folder: Path) -> Dims:
    path = folder / names.CONFIG
    config = load_object(path)
    for key, value in FIXED.items():
        if config.get(key, value) != value:
            raise OvwError(f"{path}: {key} is {quoted(config[key])}, Whisper's is {value!r}", "give a Whisper model")
    if missing := [key for key in CONFIG_KEYS.values() if not isinstance(config.get(key), int)]:
        raise OvwError(f"{path} has no {', '.join(dict.fromkeys(missing))}", "give a Whisper model")
    return Dims(**{ours: config[theirs] for ours, theirs in CONFIG_KEYS.items()})


def _optional(folder: Path, name: str) -> dict[str, Any]:
    return load_object(folder / name) if (folder / name).is_file() else {}


def _load(folder: Path, weights: str) -> Arrays:
    tensors: Arrays = {}
    for path in _files(folder, weights):
        tensors |= _read_file(path)
    return tensors


def _read_file(path: Path) -> Arrays:
    return _read_safetensors(path) if path.suffix == ".safetensors" else to_arrays(load_pickle(path))


def _files(folder: Path, weights: str) -> Iterator[Path]:
    for name in shards(load_object(folder / weights)) if weights.endswith(".json") else [weights]:
        if not (folder / name).is_file():
            raise OvwError(f"{folder / weights} names {name}, which is not there", FETCH_AGAIN)
        yield folder / name


def shards(index: dict[str, Any]) -> list[str]:
    """The files that an index names.

    Raises:
        ValueError: something else than an index, or a file outside of its folder.
    """
    placed = index.get("weight_map")
    files = sorted(set(placed.values())) if isinstance(placed, dict) and placed else []
    if not files or any(not isinstance(name, str) or Path(name).name != name for name in files):
        raise ValueError("the index has no weight_map of tensors and files beside it")
    return files


def _read_safetensors(path: Path) -> Arrays:
    try:
        with safe_open(path, framework="pt") as stored:  # NumPy has no bfloat16
            return {name: to_numpy(stored.get_tensor(name)) for name in stored.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(f"{path.name}: {error}") from error


def read_tokenizer(folder: Path) -> dict[str, Any] | None:
    """The tokenizer of a folder: `tokenizer.json`, or built from `vocab.json` and what belongs to it."""
    if (folder / names.TOKENIZER).is_file():
        return load_object(folder / names.TOKENIZER)
    if not (folder / "vocab.json").is_file() or not (folder / "merges.txt").is_file():
        return None
    words = load_object(folder / "vocab.json")
    lines = read_text(folder / "merges.txt").splitlines()
    merged = [line for line in lines if line.strip() and not line.startswith("#version")]
    later = _optional(folder, names.TOKENIZER_CONFIG).get("added_tokens_decoder") or {}
    added = {token["content"]: int(i) for i, token in later.items()} | _optional(folder, "added_tokens.json")
    if END in words:
        added.setdefault(END, words[END])
    return byte_level(words, merged, added)


FORMAT = CheckpointFormat("a Hugging Face folder", lambda path: find_weights(path) is not None, read_huggingface)
ADAPTER_FORMAT = CheckpointFormat(
    "a LoRA adapter's folder", lambda path: path.is_dir() and (path / ADAPTER_CONFIG).is_file(), read_adapter
)
"""Of an adapter alone; one in the folder of its base is read with that."""
