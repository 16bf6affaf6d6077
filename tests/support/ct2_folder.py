"""CTranslate2 folders, by an independent writer of the format."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np

from ovw.convert.sources.checkpoint import Checkpoint

CODES = {"float32": 0, "int8": 1, "int16": 2, "float16": 4, "uint16": 5}  # the last for bfloat16


FLOATS = {
    "float32": "float32", "float16": "float16", "bfloat16": "bfloat16", "int16": "float32",
    "int8": "float16", "int8_float32": "float32", "int8_float16": "float16", "int8_bfloat16": "bfloat16",
}  # fmt: skip
"""Compute types of `ct2-transformers-converter`, and how each stores what it does not quantize."""


def write_ct2(folder: Path, checkpoint: Checkpoint, compute_type: str = "float16") -> Path:
    """A CTranslate2 folder of a checkpoint."""
    t = checkpoint.tensors
    out: dict[str, np.ndarray] = {}

    def put(name: str, value: np.ndarray) -> None:
        wide, is_weight = value.astype(np.float32), name.endswith("/weight")
        if compute_type.startswith("int8") and is_weight:
            rows = wide.reshape(len(wide), -1)
            scale = 127 / np.abs(rows).max(axis=1)
            out[f"{name}_scale"] = scale.astype(np.float32)
            value = np.rint(rows * scale[:, None]).astype(np.int8).reshape(value.shape)
        elif compute_type == "int16" and is_weight:
            out[f"{name}_scale"] = scale = np.float32(2**10 / np.abs(wide).max()).reshape(())
            value = np.rint(wide * scale).astype(np.int16)
        elif value.dtype.kind == "f":
            value = {"16": value.astype(np.float16), "32": wide}[FLOATS[compute_type][-2:]]
            if FLOATS[compute_type] == "bfloat16":
                value = (wide.view(np.uint32) >> 16).astype(np.uint16)
        out[name] = value

    def both(source: str, target: str, names: tuple[str, str] = ("weight", "bias")) -> None:
        put(f"{target}/{names[0]}", t[f"{source}.weight"])
        put(f"{target}/{names[1]}", t[f"{source}.bias"])

    def fused(source: str, target: str, parts: tuple[str, ...]) -> None:
        state = t[f"{source}.query.weight"].shape[0]
        put(f"{target}/weight", np.concatenate([t[f"{source}.{p}.weight"] for p in parts]))
        biases = [t.get(f"{source}.{p}.bias", np.zeros(state, np.float16)) for p in parts]
        put(f"{target}/bias", np.concatenate(biases))

    for side, layers in (("encoder", checkpoint.dims.n_audio_layer), ("decoder", checkpoint.dims.n_text_layer)):
        put(f"{side}/num_heads", np.int16(checkpoint.dims.n_text_head).reshape(()))
        put(f"{side}/position_encodings/encodings", t[f"{side}.positional_embedding"])
        for i in range(layers):
            a, b = f"{side}.blocks.{i}", f"{side}/layer_{i}"
            both(f"{a}.attn_ln", f"{b}/self_attention/layer_norm", ("gamma", "beta"))
            fused(f"{a}.attn", f"{b}/self_attention/linear_0", ("query", "key", "value"))
            both(f"{a}.attn.out", f"{b}/self_attention/linear_1")
            if side == "decoder":
                both(f"{a}.cross_attn_ln", f"{b}/attention/layer_norm", ("gamma", "beta"))
                both(f"{a}.cross_attn.query", f"{b}/attention/linear_0")
                fused(f"{a}.cross_attn", f"{b}/attention/linear_1", ("key", "value"))
                both(f"{a}.cross_attn.out", f"{b}/attention/linear_2")
            both(f"{a}.mlp_ln", f"{b}/ffn/layer_norm", ("gamma", "beta"))
            both(f"{a}.mlp.0", f"{b}/ffn/linear_0")
            both(f"{a}.mlp.2", f"{b}/ffn/linear_1")
    both("encoder.conv1", "encoder/conv1")
    both("encoder.conv2", "encoder/conv2")
    both("encoder.ln_post", "encoder/layer_norm", ("gamma", "beta"))
    both("decoder.ln", "decoder/layer_norm", ("gamma", "beta"))
    put("decoder/embeddings/weight", t["decoder.token_embedding.weight"])

    def text(value: str) -> bytes:
        return struct.pack("<H", len(value) + 1) + value.encode() + b"\0"

    first: dict[tuple, str] = {}  # the converter stores equal variables once
    aliases = {n: first.setdefault((v.dtype.name, v.shape, v.tobytes()), n) for n, v in out.items()}
    aliases = {name: original for name, original in aliases.items() if name != original}
    blob = struct.pack("<I", 6) + text("WhisperSpec") + struct.pack("<II", 3, len(out) - len(aliases))
    for name, value in out.items():
        if name in aliases:
            continue
        data = np.ascontiguousarray(value).tobytes()
        blob += text(name) + struct.pack("<B", value.ndim) + struct.pack(f"<{value.ndim}I", *value.shape)
        blob += struct.pack("<BI", CODES[value.dtype.name], len(data)) + data
    blob += struct.pack("<I", len(aliases)) + b"".join(text(name) + text(aliases[name]) for name in aliases)
    folder.mkdir()
    (folder / "model.bin").write_bytes(blob)
    (folder / "config.json").write_text(json.dumps({"alignment_heads": [[0, 1], [1, 1]]}))
    return folder
