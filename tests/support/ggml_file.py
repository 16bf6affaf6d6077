"""whisper.cpp model files, written independently of the reader and the writer."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from ovw.audio.mel import mel_filters
from ovw.convert.sources.checkpoint import Checkpoint
from ovw.convert.tokenizer import read_ranks

CODES = {"f32": 0, "f16": 1, "q4_0": 2, "q4_1": 3, "q5_0": 6, "q5_1": 7, "q8_0": 8}
FTYPES = {"f32": 0, "f16": 1, "q4_0": 2, "q4_1": 3, "q5_0": 8, "q5_1": 9, "q8_0": 7}


def blocks(values: np.ndarray, kind: str) -> bytes:
    """Values in blocks of 32, one by one and slowly: an independent writer of the format."""
    out = b""
    for block in values.astype(np.float32).reshape(-1, 32):
        low, high = float(block.min()), float(block.max())
        bits = int(kind[1])
        offset = low if kind.endswith("_1") else 0.0
        scale = (high - low) / (2**bits - 1) if kind.endswith("_1") else max(-low, high) / (2 ** (bits - 1) - 1)
        scale = float(np.float16(scale)) or 1.0
        zero = 0 if kind.endswith("_1") or bits == 8 else 2 ** (bits - 1)
        top = 2**bits - 1 if bits < 8 else 127
        q = [int(min(max(round((float(v) - offset) / scale) + zero, -127 if bits == 8 else 0), top)) for v in block]
        out += struct.pack("<e", scale)
        if kind.endswith("_1"):
            out += struct.pack("<e", offset)
        if bits == 8:
            out += struct.pack("<32b", *q)
            continue
        if bits == 5:
            out += struct.pack("<I", sum((value >> 4 & 1) << i for i, value in enumerate(q)))
        out += bytes((q[i] & 15) | (q[i + 16] & 15) << 4 for i in range(16))
    return out


def save_ggml(path: Path, checkpoint: Checkpoint, kind: str, version: int = 2) -> Path:
    """What whisper.cpp's converter (f32, f16) and its `quantize` (the rest) make of a checkpoint."""
    d, quantised = checkpoint.dims, kind not in ("f32", "f16")
    words = list(read_ranks("multilingual" if d.n_vocab > 51864 else "gpt2"))
    out = struct.pack("<i", 0x67676D6C)
    out += struct.pack("<5i", d.n_vocab, d.n_audio_ctx, d.n_audio_state, d.n_audio_head, d.n_audio_layer)
    out += struct.pack("<4i", d.n_text_ctx, d.n_text_state, d.n_text_head, d.n_text_layer)
    out += struct.pack("<2i", d.n_mels, FTYPES[kind] + (1000 * version if quantised else 0))
    out += struct.pack("<2i", d.n_mels, 201) + mel_filters(d.n_mels).tobytes()
    out += struct.pack("<i", len(words)) + b"".join(struct.pack("<i", len(w)) + w for w in words)
    for name, tensor in checkpoint.tensors.items():
        data, stored = np.array(tensor), kind
        if name in ("encoder.conv1.bias", "encoder.conv2.bias"):
            data = data[:, None]
        if tensor.ndim < 2 or "positional" in name:
            stored = "f32"
        elif quantised and data.ndim != 2:
            stored = "f16"
        out += struct.pack("<3i", data.ndim, len(name), CODES[stored])
        out += struct.pack(f"<{data.ndim}i", *data.shape[::-1]) + name.encode()
        plain = {"f32": np.float32, "f16": np.float16}
        out += data.astype(plain[stored]).tobytes() if stored in plain else blocks(data, stored)
    path.write_bytes(out)
    return path
