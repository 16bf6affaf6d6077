"""whisper.cpp's files: read as they are specified, written as whisper.cpp's own converter writes them."""

import struct
from pathlib import Path

import numpy as np
import pytest
from tiny_whisper import TINY, TINY_EN, TINY_V3

from ovw.audio.mel import mel_filters
from ovw.convert.layouts.ggml import write_ggml
from ovw.convert.sources.checkpoint import Checkpoint, tensors_sha256
from ovw.convert.sources.ggml import read_ggml
from ovw.convert.sources.random import random_checkpoint
from ovw.convert.sources.resolve import load_checkpoint
from ovw.convert.tokenizer import build_tokenizer_json, read_ranks
from ovw.errors import OvwError
from ovw.models import Dims

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


@pytest.mark.parametrize("dims", [TINY, TINY_EN, TINY_V3], ids=["multilingual", "english", "v3"])
def test_written_as_whisper_cpp_does(tmp_path: Path, dims: Dims) -> None:
    made = random_checkpoint(dims)
    expected = save_ggml(tmp_path / "theirs.bin", made, "f16").read_bytes()
    write_ggml(tmp_path / "ours.bin", made)
    assert (tmp_path / "ours.bin").read_bytes() == expected
    with_tokenizer = Checkpoint(dims, made.tensors, "x", "x", tokenizer_json=build_tokenizer_json(dims, None))
    write_ggml(tmp_path / "ours.bin", with_tokenizer)
    assert (tmp_path / "ours.bin").read_bytes() == expected


def test_another_vocabulary_cannot_be_written(tmp_path: Path) -> None:
    made = random_checkpoint(Dims(**TINY.as_dict() | {"n_vocab": 51900}))
    with pytest.raises(OvwError, match=r"whisper\.cpp cannot use a vocabulary of 51900"):
        write_ggml(tmp_path / "a.bin", made)
    assert not (tmp_path / "a.bin").exists()


@pytest.mark.parametrize("kind", ["f32", "f16"])
def test_plain_files_come_back_bit_for_bit(tmp_path: Path, kind: str) -> None:
    made = random_checkpoint(TINY).checked()
    read = load_checkpoint(None, str(save_ggml(tmp_path / "a.bin", made, kind)))
    assert (read.dims, read.kind, read.reference) == (TINY, "ggml", "a.bin")
    assert tensors_sha256(read.tensors) == tensors_sha256(made.tensors)


@pytest.mark.parametrize("kind", ["q4_0", "q4_1", "q5_0", "q5_1", "q8_0"])
def test_quantised_files_are_within_their_rounding(tmp_path: Path, kind: str) -> None:
    small = Dims(**TINY.as_dict() | {"n_audio_state": 64, "n_text_state": 64, "n_audio_head": 1, "n_text_head": 1})
    made = random_checkpoint(Dims(**small.as_dict() | {"n_audio_layer": 1, "n_text_layer": 1}))
    some = ("encoder.blocks.0.mlp.0.weight", "decoder.blocks.0.attn.query.weight", "encoder.conv1.weight")
    few = Checkpoint(made.dims, {name: made.tensors[name] for name in some}, "random", "x")
    read = read_ggml(save_ggml(tmp_path / "a.bin", few, kind))
    for name in some:
        value, exact = read.tensors[name], made.tensors[name].astype(np.float32)
        rows = exact.reshape(-1, 32)
        span = np.ptp(rows, axis=1) if kind.endswith("_1") else 2 * np.abs(rows).max(axis=1)
        steps = 2 ** int(kind[1]) - (1 if kind.endswith("_1") else 2)
        allowed = 0 if name.endswith("conv1.weight") else 0.52 * span / steps + 1e-3 * np.abs(rows).max(axis=1)
        assert (np.abs(value.reshape(rows.shape) - rows).max(axis=1) <= allowed).all()


def test_a_block_by_hand(tmp_path: Path) -> None:
    from ovw.convert.sources.ggml import QUANTISATIONS

    nibbles = bytes((i % 16) | ((15 - i % 16) << 4) for i in range(16))
    five = struct.pack("<eeI", 0.5, -1.0, 0x8000_0001) + nibbles
    values = QUANTISATIONS["q5_1"].values(memoryview(five))
    assert values[:3].tolist() == [0.5 * 16 - 1, 0.5 * 1 - 1, 0.5 * 2 - 1]
    assert values[[16, 30, 31]].tolist() == [0.5 * 15 - 1, 0.5 * 1 - 1, 0.5 * 16 - 1]
    four = struct.pack("<e", 2.0) + nibbles
    assert QUANTISATIONS["q4_0"].values(memoryview(four))[[0, 1, 16]].tolist() == [-16.0, -14.0, 14.0]


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda good: good[:-5], "cut off"),
        (lambda good: good[:30], "cut off"),
        (lambda good: b"", "not a format"),
        (lambda good: good + struct.pack("<3i", 1, 4, 14) + struct.pack("<i", 32) + b"some", "some is stored as q6_K"),
        (lambda good: good + struct.pack("<3i", -1, 4, 0), "cut off"),
        (lambda good: good[:44] + struct.pack("<i", 1007) + good[48:], "quantised in version 1"),
        (lambda good: good[:4] + struct.pack("<i", 50000) + good[8:], "vocabulary of its own"),
        (lambda good: good.replace(b" the", b" eht", 1), "vocabulary of its own"),
        (lambda good: good[:8] + struct.pack("<i", 10**9) + good[12:], "encoder.positional_embedding has shape"),
        (lambda good: good[:20] + struct.pack("<i", 10**9) + good[24:], "n_audio_layer is 1000000000"),
        (lambda good: good[:16] + struct.pack("<i", 0) + good[20:], "n_audio_head is 0"),
    ],
)
def test_damaged_files_are_explained(tmp_path: Path, damage, told: str) -> None:
    path = save_ggml(tmp_path / "a.bin", random_checkpoint(TINY), "f16")
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(OvwError) as failure:
        load_checkpoint(None, str(path))
    assert told in failure.value.message
    assert "a.bin" in failure.value.message


def test_a_bin_that_is_something_else(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes(b"PK\x03\x04 and so on")
    with pytest.raises(OvwError, match=r"pytorch_model\.bin is not a format ovw reads"):
        load_checkpoint(None, str(tmp_path / "pytorch_model.bin"))
