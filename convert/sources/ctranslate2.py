"""CTranslate2 models (faster-whisper's format): `model.bin` of every compute type of its converter.

The file, little endian: u32 version; string spec; u32 revision; u32 count of variables, each a string name, u8 rank,
u32 dims[rank], u8 type, u32 bytes, data; u32 count of aliases, each two strings. A string is a u16 length, which counts
its NUL, and bytes (CTranslate2, `python/ctranslate2/specs/model_spec.py`).
"""

from __future__ import annotations

import hashlib
import json
import re
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ovw.artifact import names
from ovw.convert.sources.checkpoint import Checkpoint, CheckpointFormat, alignment_heads, dims_of
from ovw.convert.sources.generation import from_ctranslate2
from ovw.convert.sources.identity import declared_capabilities, require_openai_ids
from ovw.convert.sources.reading import Reader, map_file
from ovw.errors import OvwError, quoted
from ovw.parsing import load_json, load_object
from ovw.text_files import read_text

VERSION = 6
DTYPES: dict[int, type[np.generic]] = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}
BFLOAT16 = 5
"""Its type number; NumPy has no such type, so it is read as the upper halves of f32 values."""
CONTROL = re.compile(r"<\|[^|]*\|>")
Variables = dict[str, NDArray[Any]]


def read_ctranslate2(folder: Path) -> Checkpoint:
    """Read a CTranslate2 Whisper folder.

    Raises:
        OvwError: files missing, cut off or of another kind.
    """
    model = folder / "model.bin"
    if not model.is_file():
        raise OvwError(f"{folder} holds no model.bin", "a CTranslate2 folder has model.bin and config.json")
    return from_parts([model], folder, "ctranslate2", folder.name)


def from_parts(parts: Sequence[Path], folder: Path, kind: str, reference: str) -> Checkpoint:
    """Read a `model.bin` that may be cut into parts, with `config.json` and `tokenizer.json` in `folder`."""
    data = map_file(parts[0]) if len(parts) == 1 else _joined(parts)
    variables = parse_model(data, reference)
    config = load_object(folder / names.CONFIG)
    tensors = to_openai(variables)
    dims = dims_of(tensors, _heads(variables))
    tokenizer = load_object(folder / names.TOKENIZER) if (folder / names.TOKENIZER).is_file() else None
    if tokenizer is None:
        require_openai_ids(dims, _control_ids(folder), reference)
    can, steered = declared_capabilities({}, tokenizer, dims)
    return Checkpoint(
        dims=dims,
        tensors=tensors,
        kind=kind,
        reference=reference,
        sha256=hashlib.sha256(data).hexdigest(),
        alignment_heads=alignment_heads(config.get("alignment_heads"), dims),
        tokenizer_json=json.dumps(tokenizer, ensure_ascii=False) if tokenizer else None,
        capabilities=can,
        steered=steered,
        generation=from_ctranslate2(config, dims),
    )


def _control_ids(folder: Path) -> dict[str, int]:
    """Ids of the control tokens in CTranslate2's own list of tokens, if there is one."""
    words: list[str] = []
    if (folder / "vocabulary.json").is_file():
        words = [str(word) for word in load_json(folder / "vocabulary.json")]
    elif (folder / "vocabulary.txt").is_file():
        words = read_text(folder / "vocabulary.txt").split("\n")
    return {word: token for token, word in enumerate(words) if CONTROL.fullmatch(word)}


def _joined(parts: Sequence[Path]) -> memoryview:
    data = bytearray()
    for part in parts:
        data += part.read_bytes()
    return memoryview(data)


def parse_model(data: memoryview, reference: str) -> Variables:
    """All variables of a `model.bin` by CTranslate2's names; quantized weights and bfloat16 come back as f32.

    Raises:
        OvwError: another version, another model or a file cut off.
    """
    reader = Reader(data)
    try:
        version, spec = reader.number("I"), _string(reader)
        if version != VERSION or spec != "WhisperSpec":
            raise ValueError(f"version {version} of {quoted(spec)}, expected version {VERSION} of 'WhisperSpec'")
        reader.number("I")
        variables = dict(_variable(reader) for _ in range(reader.number("I")))
        for _ in range(0 if reader.done else reader.number("I")):
            alias, original = _string(reader), _string(reader)
            variables[alias] = variables[original]
        return _dequantized(variables)
    except (ValueError, KeyError, struct.error) as error:
        raise OvwError(f"model.bin of {reference} cannot be read: {error}", "fetch it again") from None


def _string(reader: Reader) -> str:
    return bytes(reader.take(reader.number("H"))[:-1]).decode()


def _variable(reader: Reader) -> tuple[str, NDArray[Any]]:
    name = _string(reader)
    shape = reader.numbers("I", reader.number("B"))
    kind = reader.number("B")
    data = reader.take(reader.number("I"))
    if kind == BFLOAT16:
        return name, (np.frombuffer(data, np.uint16).astype(np.uint32) << 16).view(np.float32).reshape(shape)
    if kind not in DTYPES:
        raise ValueError(f"{name} has values of type {kind}, known are {', '.join(map(str, (*DTYPES, BFLOAT16)))}")
    return name, np.frombuffer(data, DTYPES[kind]).reshape(shape)


def _dequantized(variables: Variables) -> Variables:
    """Divide integer weights by their scales: int8 has one a row (127 / largest magnitude), int16 one for all."""
    plain = {name: value for name, value in variables.items() if not name.endswith("_scale")}
    for name, value in plain.items():
        if (scale := variables.get(f"{name}_scale")) is not None:
            if scale.size not in (1, len(value) if value.ndim else 1):  # else the two would be multiplied into one
                raise ValueError(f"{name} has shape {list(value.shape)}, but {scale.size} scales")
            rows = np.asarray(scale, np.float32).reshape(-1, *[1] * (value.ndim - 1))
            plain[name] = value.astype(np.float32) / rows
    return plain


def to_openai(variables: Variables) -> Variables:
    """Rename CTranslate2's variables and split its fused projections (rows q, k, v; cross attention k, v).

    Raises:
        OvwError: the output projection is not that of the embeddings.
    """
    projection = variables.get("decoder/projection/weight")
    if projection is not None and not np.array_equal(projection, variables["decoder/embeddings/weight"]):
        raise OvwError("the output projection is not that of the embeddings", "ovw converts models that share the two")
    tensors: Variables = {}
    for side in ("encoder", "decoder"):
        tensors[f"{side}.positional_embedding"] = variables[f"{side}/position_encodings/encodings"]
        for i in range(_count_layers(variables, side)):
            _block(variables, f"{side}/layer_{i}", tensors, f"{side}.blocks.{i}", cross=side == "decoder")
    for conv in ("conv1", "conv2"):
        _copy(variables, f"encoder/{conv}", tensors, f"encoder.{conv}")
    _norm(variables, "encoder/layer_norm", tensors, "encoder.ln_post")
    _norm(variables, "decoder/layer_norm", tensors, "decoder.ln")
    tensors["decoder.token_embedding.weight"] = variables["decoder/embeddings/weight"]
    return tensors


def _block(source: Variables, a: str, target: Variables, b: str, *, cross: bool) -> None:
    _norm(source, f"{a}/self_attention/layer_norm", target, f"{b}.attn_ln")
    _split(source, f"{a}/self_attention/linear_0", target, f"{b}.attn", ("query", "key", "value"))
    _copy(source, f"{a}/self_attention/linear_1", target, f"{b}.attn.out")
    if cross:
        _norm(source, f"{a}/attention/layer_norm", target, f"{b}.cross_attn_ln")
        _copy(source, f"{a}/attention/linear_0", target, f"{b}.cross_attn.query")
        _split(source, f"{a}/attention/linear_1", target, f"{b}.cross_attn", ("key", "value"))
        _copy(source, f"{a}/attention/linear_2", target, f"{b}.cross_attn.out")
    _norm(source, f"{a}/ffn/layer_norm", target, f"{b}.mlp_ln")
    _copy(source, f"{a}/ffn/linear_0", target, f"{b}.mlp.0")
    _copy(source, f"{a}/ffn/linear_1", target, f"{b}.mlp.2")


def _copy(source: Variables, a: str, target: Variables, b: str) -> None:
    target[f"{b}.weight"], target[f"{b}.bias"] = source[f"{a}/weight"], source[f"{a}/bias"]


def _norm(source: Variables, a: str, target: Variables, b: str) -> None:
    target[f"{b}.weight"], target[f"{b}.bias"] = source[f"{a}/gamma"], source[f"{a}/beta"]


def _split(source: Variables, a: str, target: Variables, b: str, parts: tuple[str, ...]) -> None:
    weights = np.split(source[f"{a}/weight"], len(parts))
    biases = np.split(source[f"{a}/bias"], len(parts))
    for part, weight, bias in zip(parts, weights, biases, strict=True):
        target[f"{b}.{part}.weight"] = weight
        if part != "key":
            target[f"{b}.{part}.bias"] = bias


def _count_layers(variables: Variables, side: str) -> int:
    return len({name.split("/")[1] for name in variables if name.startswith(f"{side}/layer_") and name.count("/") > 2})


def _heads(variables: Variables) -> dict[str, int]:
    """The heads of each side, where the file has them."""
    stored = {side: variables.get(f"{side}/num_heads") for side in ("encoder", "decoder")}
    return {side: int(heads) for side, heads in stored.items() if heads is not None}


FORMAT = CheckpointFormat(
    "a CTranslate2 folder", lambda path: path.is_dir() and (path / "model.bin").is_file(), read_ctranslate2
)
