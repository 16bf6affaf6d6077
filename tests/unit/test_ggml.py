"""whisper.cpp's files: read as they are specified, written as whisper.cpp's own converter writes them."""

import json
import struct
from pathlib import Path

import numpy as np
import pytest
from support.ggml_file import save_ggml
from support.tiny_whisper import TINY, TINY_EN, TINY_V3

from ovw.convert.layouts.ggml import write_ggml
from ovw.convert.sources.checkpoint import Checkpoint, tensors_sha256
from ovw.convert.sources.ggml import read_ggml
from ovw.convert.sources.random import random_checkpoint
from ovw.convert.sources.resolve import load_checkpoint
from ovw.convert.tokenizer import build_tokenizer_json
from ovw.errors import OvwError
from ovw.models import Dims


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


def test_a_vocabulary_that_only_has_an_official_size_cannot_be_written(tmp_path: Path) -> None:
    """One more word makes the size of large-v3's; whisper.cpp would take its control tokens from there."""
    tokenizer = json.loads(build_tokenizer_json(TINY, None))
    tokenizer["added_tokens"].append(tokenizer["added_tokens"][-1] | {"id": 51865, "content": "<|new|>"})
    made = random_checkpoint(Dims(**TINY.as_dict() | {"n_vocab": 51866}))
    own = Checkpoint(made.dims, made.tensors, "x", "x", tokenizer_json=json.dumps(tokenizer))
    with pytest.raises(OvwError, match=r"whisper\.cpp cannot use this vocabulary: of 51866 tokens"):
        write_ggml(tmp_path / "a.bin", own)
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
        (lambda good: good + struct.pack("<3i", -1, 4, 0), "it announces -1 dimensions"),
        (lambda good: good[:44] + struct.pack("<i", 1007) + good[48:], "quantised in version 1"),
        (lambda good: good[:4] + struct.pack("<i", 50000) + good[8:], "vocabulary of its own"),
        (lambda good: good.replace(b" the", b" eht", 1), "vocabulary of its own"),
        (lambda good: good[:8] + struct.pack("<i", 8000) + good[12:], "encoder.positional_embedding has shape"),
        (lambda good: good[:8] + struct.pack("<i", 10**9) + good[12:], "n_audio_ctx is 1000000000, at most 8192"),
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
