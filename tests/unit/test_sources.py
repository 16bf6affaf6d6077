"""Every source gives the same checkpoint; what is damaged or missing is told in one line."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.ct2_folder import FLOATS, write_ct2
from support.tiny_whisper import TINY, TINY_EN, save_pt

from ovw.artifact.hashing import file_sha256
from ovw.control_tokens import control_ids
from ovw.convert.config import ConvertConfig
from ovw.convert.sources import resolve as resolve_module
from ovw.convert.sources.checkpoint import Checkpoint, narrow, tensor_shapes, tensors_sha256
from ovw.convert.sources.ctranslate2 import parse_model, read_ctranslate2, to_openai
from ovw.convert.sources.disk_tensors import DiskTensors
from ovw.convert.sources.openai import read_openai
from ovw.convert.sources.random import random_checkpoint, sinusoids
from ovw.convert.sources.resolve import _check_size, load_checkpoint
from ovw.convert.sources.wheel import find_wheels, read_wheels
from ovw.errors import OvwError, UsageError
from ovw.models import find_size, sizes


def test_all_formats_give_the_same_tensors(tmp_path: Path) -> None:
    made = random_checkpoint(TINY)
    wide = {name: tensor.astype(np.float32) for name, tensor in made.tensors.items()}
    from_f16 = read_openai(save_pt(tmp_path / "a.pt", TINY)).checked()
    from_f32 = read_openai(save_pt(tmp_path / "b.pt", TINY, wide)).checked()
    from_ct2 = read_ctranslate2(write_ct2(tmp_path / "ct2", made)).checked()
    expected = tensors_sha256(made.checked().tensors)
    for checkpoint in (from_f16, from_f32, from_ct2):
        assert checkpoint.dims == TINY
        assert tensors_sha256(checkpoint.tensors) == expected
    assert from_ct2.alignment_heads == ((0, 1), (1, 1))


@pytest.mark.parametrize("compute_type", FLOATS)
def test_ctranslate2_of_every_type_is_within_its_rounding(tmp_path: Path, compute_type: str) -> None:
    made = random_checkpoint(TINY)
    read = read_ctranslate2(write_ct2(tmp_path / "ct2", made, compute_type)).checked()
    steps = {"int8": 0.51 / 127, "int16": 1 / 1024, "bfloat16": 1 / 128}
    parts = [step for kind, step in steps.items() if kind in compute_type]
    for name, tensor in made.tensors.items():
        largest = np.abs(tensor.astype(np.float32)).max()
        assert np.abs(read.tensors[name].astype(np.float32) - tensor).max() <= max(parts, default=0.0) * largest


def test_control_tokens_of_a_folder_without_a_tokenizer(tmp_path: Path) -> None:
    """OpenAI's tokenizer would be written; behind a word that a fine-tune added, ids are others."""
    folder = write_ct2(tmp_path / "ct2", random_checkpoint(TINY))
    (folder / "tokenizer.json").unlink(missing_ok=True)
    words = [f"word {i}" for i in range(50257)] + list(control_ids(TINY))
    for ending, text in (("json", json.dumps), ("txt", "\n".join)):
        (folder / f"vocabulary.{ending}").write_text(text(words), encoding="utf-8")
        assert read_ctranslate2(folder).dims == TINY
        (folder / f"vocabulary.{ending}").write_text(text(["added", *words]), encoding="utf-8")
        with pytest.raises(OvwError, match=r"<\|endoftext\|> at 50258, OpenAI's vocabulary of 51865 tokens at 50257"):
            read_ctranslate2(folder)
        (folder / f"vocabulary.{ending}").unlink()


def test_a_type_that_ctranslate2_does_not_have(tmp_path: Path) -> None:
    folder = write_ct2(tmp_path / "ct2", random_checkpoint(TINY))
    data = (folder / "model.bin").read_bytes()
    at = data.index(b"encodings\0") + len(b"encodings\0") + 1 + 8
    (folder / "model.bin").write_bytes(data[:at] + b"\x09" + data[at + 1 :])
    with pytest.raises(OvwError, match="has values of type 9, known are 0, 1, 2, 3, 4, 5"):
        read_ctranslate2(folder)


def test_checked_lists_every_problem() -> None:
    made = random_checkpoint(TINY)
    tensors = dict(made.tensors)
    del tensors["encoder.conv1.bias"]
    tensors["decoder.ln.weight"] = np.zeros(3, np.float16)
    tensors["decoder.ln.bias"] = np.full(128, np.nan, np.float16)
    tensors["extra"] = np.zeros(1, np.float16)
    with pytest.raises(OvwError) as failure:
        Checkpoint(TINY, tensors, "random", "x").checked()
    for part in ("encoder.conv1.bias is missing", "decoder.ln.weight has shape [3]", "not finite", "extra is unknown"):
        assert part in failure.value.message


def test_narrow_keeps_values() -> None:
    assert narrow(np.array([0.5, 2.0], np.float32)).dtype == np.float16
    assert narrow(np.array([1 / 3], np.float32)).dtype == np.float32
    assert narrow(np.array([1e6], np.float32)).dtype == np.float32


def test_random_is_the_same_every_time(tmp_path: Path) -> None:
    first, again, kept = random_checkpoint(TINY_EN), random_checkpoint(TINY_EN), random_checkpoint(TINY_EN, tmp_path)
    assert tensors_sha256(first.tensors) == tensors_sha256(again.tensors) == tensors_sha256(kept.tensors)
    assert tensors_sha256(kept.checked().tensors) == tensors_sha256(first.tensors)


def test_a_spool_reads_what_it_was_given(tmp_path: Path) -> None:
    given = {"a": np.arange(6, dtype=np.float16).reshape(2, 3), "b": np.array([1 / 3], np.float32)}
    spool = DiskTensors(iter(given.items()), tmp_path / "deep" / "folder")
    assert list(spool) == ["a", "b"]
    for name in ("b", "a", "b"):
        assert spool[name].dtype == given[name].dtype
        assert np.array_equal(spool[name], given[name])
    spool["a"][:] = 0
    assert np.array_equal(spool["a"], given["a"])
    del spool
    assert not list((tmp_path / "deep" / "folder").iterdir())


def test_a_spool_without_room(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OvwError, match=r"cannot keep weights in .*: Not a directory") as failure:
        random_checkpoint(TINY, tmp_path / "file" / "folder")
    assert "OVW_HOME" in failure.value.hint


@pytest.mark.parametrize("damage", ["cut", "version", "text"])
def test_damaged_ctranslate2(tmp_path: Path, damage: str) -> None:
    folder = write_ct2(tmp_path / "ct2", random_checkpoint(TINY))
    good = (folder / "model.bin").read_bytes()
    bad = {"cut": good[:5000], "version": b"\x09" + good[1:], "text": b"not a model at all"}[damage]
    (folder / "model.bin").write_bytes(bad)
    with pytest.raises(OvwError, match=r"model\.bin of ct2 cannot be read"):
        read_ctranslate2(folder)


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        ({"model.bin": (b"encoder/layer_1/ffn/linear_0/weight", b"encoder/layer_1/ffn/linear_0/height")}, "is missing"),
        ({"model.bin": (b"decoder/embeddings/weight", b"decoder/embeddings/height")}, "is missing"),
        ({"config.json": (b"[[0, 1], [1, 1]]", b"[[1, 0, 2]]")}, "alignment_heads is not a list of"),
        ({"config.json": (b"[[0, 1], [1, 1]]", b'"[]"')}, "alignment_heads is not a list of"),
        ({"config.json": (b"{", b"[")}, "config.json cannot be read"),
        ({"tokenizer.json": (b"", b"{half")}, "tokenizer.json cannot be read"),
    ],
)
def test_broken_ctranslate2_folders_are_explained(tmp_path: Path, damage: dict, told: str) -> None:
    folder = write_ct2(tmp_path / "my-ct2", random_checkpoint(TINY))
    for name, (old, new) in damage.items():
        whole = (folder / name).read_bytes() if old else b""
        assert old in whole
        (folder / name).write_bytes(whole.replace(old, new) if old else new)
    with pytest.raises(OvwError) as failure:
        load_checkpoint(None, str(folder))
    assert told in failure.value.message
    assert "my-ct2" in failure.value.message
    assert "\n" not in failure.value.message


def test_damaged_pt(tmp_path: Path) -> None:
    (tmp_path / "a.pt").write_bytes(b"garbage")
    with pytest.raises(OvwError, match="is not a Whisper checkpoint"):
        read_openai(tmp_path / "a.pt")


def test_pt_that_would_run_code_is_refused(tmp_path: Path) -> None:
    import torch

    marker = tmp_path / "ran"

    class Evil:
        def __reduce__(self) -> tuple:
            return (Path.touch, (marker,))

    torch.save({"dims": Evil(), "model_state_dict": {}}, tmp_path / "evil.pt")
    with pytest.raises(OvwError, match="is not a Whisper checkpoint"):
        read_openai(tmp_path / "evil.pt")
    assert not marker.exists()


def save_torch(path: Path, **parts: object) -> Path:
    import torch

    state = {k: torch.from_numpy(np.array(v)) for k, v in random_checkpoint(TINY).tensors.items()}
    torch.save({"dims": TINY.as_dict(), "model_state_dict": state} | parts, path)
    return path


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ({"model_state_dict": {"decoder.ln.bias": [1.0, 2.0]}}, "'decoder.ln.bias' is a list"),
        ({"model_state_dict": [1, 2]}, "the state dict is a list"),
        ({"model_state_dict": {}}, "n_audio_layer is 2, of 0 tensors"),
        ({"dims": [1, 2]}, "is not a Whisper checkpoint"),
        ({"dims": {"n_mels": 80}}, "is not a Whisper checkpoint"),
        ({"dims": TINY.as_dict() | {"n_text_layer": "two"}}, "n_text_layer is 'two'"),
        ({"dims": TINY.as_dict() | {"n_audio_layer": 10**9}}, "n_audio_layer is 1000000000"),
        ({"dims": TINY.as_dict() | {"n_audio_head": 3}}, "n_audio_state 128 is not divisible by n_audio_head 3"),
        ({"dims": TINY.as_dict() | {"n_vocab": -1}}, "n_vocab is -1"),
    ],
)
def test_odd_pt_files_are_explained(tmp_path: Path, parts: dict, told: str) -> None:
    with pytest.raises(OvwError) as failure:
        load_checkpoint(None, str(save_torch(tmp_path / "odd.pt", **parts)))
    assert told in failure.value.message
    assert "odd.pt" in failure.value.message


def test_pt_files_of_the_old_form(tmp_path: Path) -> None:
    import torch

    data = torch.load(save_torch(tmp_path / "new.pt"), weights_only=True)
    torch.save(data, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    read = load_checkpoint(None, str(tmp_path / "old.pt"))
    assert read.tensors_sha256 == random_checkpoint(TINY).checked().tensors_sha256


def test_the_cause_is_kept(tmp_path: Path) -> None:
    (tmp_path / "a.pt").write_bytes(b"garbage")
    with pytest.raises(OvwError) as failure:
        load_checkpoint(None, str(tmp_path / "a.pt"))
    assert failure.value.__cause__ is not None


def test_a_package_whose_files_are_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ovw.convert.sources import wheel

    for files in ([], [tmp_path / "config.json"], [tmp_path / "config.json", tmp_path / "model.bin"]):
        monkeypatch.setattr(wheel, "_data_files", lambda name, files=files: files)
        with pytest.raises(OvwError, match=r"weights package some==1 is installed, but its files are gone") as failure:
            read_wheels(("some==1",))
        assert "--force-reinstall" in failure.value.hint


@pytest.mark.weights
def test_a_corrupt_download_gives_way_to_a_package(home: Path) -> None:
    (home / "weights").mkdir(parents=True)
    (home / "weights" / "tiny.en.pt").write_bytes(b"cut off")
    (home / "weights" / "small.pt").write_bytes(b"cut off")
    assert load_checkpoint(find_size("tiny.en"), None, offline=True).kind == "wheel"
    with pytest.raises(OvwError, match=r"small\.pt has SHA-256 .*, expected 9ecf"):
        load_checkpoint(find_size("small"), None, offline=True)


@pytest.mark.parametrize(
    ("size", "weights", "models"),
    [
        ("base", None, [("base", "base")]),
        ("turbo", None, [("large-v3-turbo", "large-v3-turbo")]),
        ((), "turbo", [("large-v3-turbo", "large-v3-turbo")]),
        ("base", "base", [("base", "base")]),
        (("base", "tiny"), "random", [("base-random", "base"), ("tiny-random", "tiny")]),
        ("base", "mine/fine.pt", [("fine", "base")]),
        ("base", "mine/base.pt", [("base-custom", "base")]),
        ((), "mine/turbo", [("turbo-custom", None)]),
        ((), "mine/base.ckpt", [("base-custom", None)]),
        ((), "mine/epoch3.pth", [("epoch3", None)]),
        ((), "ggml-base-q5_0.bin", [("ggml-base-q5_0", None)]),
        ((), "hf:owner/whisper-mine@v1/b", [("whisper-mine", None)]),
    ],
)
def test_only_a_sizes_own_weights_have_its_name(size: str, weights: str | None, models: list) -> None:
    assert ConvertConfig(size=size, weights=weights).models() == models


def test_weights_of_another_size() -> None:
    with pytest.raises(UsageError, match="weights base are not of size tiny"):
        ConvertConfig(size="tiny", weights="base")


def test_a_folder_beats_a_size_of_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "base").mkdir()
    assert ConvertConfig(weights="base").models() == [("base-custom", None)]


@pytest.mark.weights
@pytest.mark.parametrize("size", ["base", "tiny.en"])
def test_weights_packages(size: str) -> None:
    info = find_size(size)
    wheels = find_wheels(info)
    assert wheels
    checkpoint = read_wheels(wheels).checked()
    assert checkpoint.dims == info.dims
    assert tensors_sha256(checkpoint.tensors) == info.sources.tensors_sha256
    assert checkpoint.alignment_heads == info.alignment_heads
    assert (
        np.abs(checkpoint.tensors["encoder.positional_embedding"] - sinusoids(1500, info.dims.n_audio_state)).max()
        < 1e-3
    )


@pytest.mark.weights
def test_an_altered_weights_package_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def altered(wheels: tuple[str, ...]) -> Checkpoint:
        checkpoint = read_wheels(wheels)
        tensors = dict(checkpoint.tensors)
        tensors["decoder.ln.bias"] = tensors["decoder.ln.bias"] + np.float16(1)
        return Checkpoint(checkpoint.dims, tensors, checkpoint.kind, checkpoint.reference)

    monkeypatch.setattr(resolve_module, "read_wheels", altered)
    with pytest.raises(OvwError, match=r"tensors SHA-256 .* expected"):
        load_checkpoint(find_size("tiny.en"), None, offline=True)


def test_missing_weights_list_every_way(home: Path) -> None:
    with pytest.raises(OvwError) as failure:
        load_checkpoint(find_size("small"), None, offline=True)
    assert "no weights for small" in failure.value.message
    for way in ("openaipublic", ".pt file", "CTranslate2", "random"):
        assert way in failure.value.hint


def test_what_openai_whisper_has_downloaded_is_used(
    home: Path, tmp_path: Path, tiny_pt: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the published file: its hash decides, not its name."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    theirs = tmp_path / "caches" / "whisper" / "small.pt"
    theirs.parent.mkdir(parents=True)
    shutil.copy(tiny_pt, theirs)
    small = find_size("small")
    with pytest.raises(OvwError, match="no weights for small"):
        load_checkpoint(small, None, offline=True)
    published = replace(small, dims=TINY, sources=replace(small.sources, sha256=file_sha256(theirs)))
    assert load_checkpoint(published, None, offline=True).dims == TINY


def test_offline_opens_no_socket(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    def forbidden(*args: object, **kwargs: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", forbidden)
    monkeypatch.setattr(socket, "create_connection", forbidden)
    with pytest.raises(OvwError, match="no weights for medium"):
        load_checkpoint(find_size("medium"), None, offline=True)


def test_wrong_references(tmp_path: Path, tiny_pt: Path) -> None:
    with pytest.raises(UsageError, match="no weights 'nowhere'"):
        load_checkpoint(None, "nowhere")
    with pytest.raises(UsageError, match="holds no weights"):
        load_checkpoint(None, str(tmp_path))
    with pytest.raises(OvwError, match="has dimensions"):
        load_checkpoint(find_size("tiny"), str(tiny_pt))


def test_every_size_is_whole() -> None:
    import whisper

    assert set(whisper.available_models()) <= {*sizes(), "large", "turbo"}
    for name, info in sizes().items():
        if url := whisper._MODELS.get(name):
            assert info.sources.openai == url
            assert info.sources.sha256 == url.split("/")[-2]
            assert info.alignment_heads == heads_of(whisper._ALIGNMENT_HEADS[name], info.dims.n_text_layer)
        total = sum(int(np.prod(s)) for n, s in tensor_shapes(info.dims).items() if n != "encoder.positional_embedding")
        assert total == info.dims.parameters
        assert info.dims.multilingual != name.endswith(".en")
    assert not sizes()["large-v3-turbo"].capabilities.translate
    assert find_size("turbo").name == "large-v3-turbo"
    assert "yue" in find_size("large").capabilities.languages


def heads_of(dump: bytes, layers: int) -> tuple[tuple[int, int], ...]:
    import base64
    import gzip

    mask = np.frombuffer(gzip.decompress(base64.b85decode(dump)), dtype=bool).reshape(layers, -1)
    return tuple((int(a), int(b)) for a, b in zip(*mask.nonzero(), strict=True))


def test_another_size_is_named_with_what_differs() -> None:
    base, small = find_size("base"), find_size("small")
    fine_tune = replace(random_checkpoint(TINY), dims=base.dims)
    with pytest.raises(OvwError, match=r"'n_audio_state': 512.*small has \{'n_audio_state': 768") as caught:
        _check_size(fine_tune, small)
    assert "n_mels" not in caught.value.message
    assert str(caught.value.hint).startswith("give --size base or leave out --size")


def test_an_output_projection_of_its_own_is_refused(tmp_path: Path) -> None:
    data = (write_ct2(tmp_path / "ct2", random_checkpoint(TINY)) / "model.bin").read_bytes()
    variables = parse_model(memoryview(data), "x")
    embeddings = variables["decoder/embeddings/weight"]
    assert to_openai(variables | {"decoder/projection/weight": embeddings}).keys() == to_openai(variables).keys()
    with pytest.raises(OvwError, match="the output projection is not that of the embeddings"):
        to_openai(variables | {"decoder/projection/weight": 2 * embeddings})
