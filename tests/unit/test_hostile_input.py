"""Files that claim more than they hold: nesting, aliases, sizes, tokens that are none. Each ends in one line, at once."""

import io
import json
import struct
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from support.ggml_file import save_ggml
from support.huggingface_folder import save_hf
from support.speech_files import librispeech, pack, wav
from support.tiny_whisper import TINY

from ovw.artifact.check import find_problems
from ovw.artifact.manifest import read_manifest
from ovw.cli.transcription.config import TranscribeConfig
from ovw.config import Config, build, read_yaml, resolve
from ovw.convert.plan import Converted
from ovw.convert.sources.ctranslate2 import parse_model
from ovw.convert.sources.pytorch import load_pickle
from ovw.convert.sources.random import random_checkpoint
from ovw.convert.sources.resolve import load_checkpoint
from ovw.datasets.archive import Archive
from ovw.datasets.librispeech import open_librispeech
from ovw.datasets.manifest import ManifestDataset
from ovw.datasets.utterance import Problem
from ovw.errors import LONGEST, QUOTED, OvwError, UsageError, quoted
from ovw.models import Dims
from ovw.parsing import DEPTH, from_json, from_yaml
from ovw.record import read_record

BRACKETS = "[" * 1000
CLOSED = BRACKETS + "]" * 1000


def bomb(levels: int) -> str:
    """Aliases of aliases: 10 to the power of `levels` values."""
    lines = ["a0: &a0 [" + ",".join("x" * 10) + "]"]
    lines += [f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 10)}]" for i in range(1, levels)]
    return "\n".join(lines)


@pytest.mark.parametrize("text", [BRACKETS, CLOSED, '{"a":' * 70 + "1" + "}" * 70, "[" * 100_000])
def test_nested_json(text: str) -> None:
    with pytest.raises(ValueError, match=f"nested more than {DEPTH} deep|Expecting value"):
        from_json(text)


def test_json_within_the_limits() -> None:
    assert from_json("[" * DEPTH + "]" * DEPTH)
    assert from_json(json.dumps([[]] * 500)) == [[]] * 500
    assert from_json(b'{"a": "\\u00e4\\ud83d\\ude00"}') == {"a": "ä😀"}


@pytest.mark.parametrize("text", ['"\\ud800"', '{"\\udc00": 1}', '["\\ude00\\ud83d"]'])
def test_half_a_character(text: str) -> None:
    with pytest.raises(ValueError, match="surrogate"):
        from_json(text)


@pytest.mark.parametrize(
    "text",
    [
        BRACKETS, CLOSED, "a: " + "{a: " * 100 + "}" * 100, bomb(5), bomb(9), "a: &a [*a]", "a: &a {b: *a}", "? [a]\n: 1\n? {b: 1}\n: 2", "a: !!python/object:os.x {}",
        "x: 2024-13-45", "x: 2024-01-01 00:00:00 +99:99", "a: &x {k: 1}\nb: {<<: [" + ", ".join(["*x"] * 5) + "], <<: 3}", "\x00", "a: \ud800", "- " * 2000,
        "number: 1\nnumber: 2", "x: " + "1" * 5000, "a: b: c", "%YAML 9.9\n---\na", "*nothing", "!!binary x",
    ],
)  # fmt: skip
def test_yaml_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "c.yaml").write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(UsageError) as failure:
        build(Narrow, read_yaml(tmp_path / "c.yaml"))
    assert "\n" not in str(failure.value)
    assert len(str(failure.value)) < 600


class Narrow(Config):
    """Any key but a number is wrong."""

    number: int = 0


def test_yaml_within_the_limits(tmp_path: Path) -> None:
    assert from_yaml("a: &x [1, 2]\nb: *x\nc: {<<: {d: 1}}") == {"a": [1, 2], "b": [1, 2], "c": {"d": 1}}
    assert from_yaml("a: {<<: {b: 1}, <<: {b: 2, c: 1}, b: 3}\n1: x\n'1': y")["a"] == {"b": 3, "c": 1}
    assert from_yaml("") is None
    assert from_yaml("batch: 1:5\nbegin: 1:30.5\nn: 5") == {"batch": "1:5", "begin": "1:30.5", "n": 5}
    with pytest.raises(ValueError, match="at most"):
        from_yaml("x" * (2 << 20))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: 1\n'a': 2", "the key 'a' is there again in line 2"),
        ("a:\n- {b: 1, c: 2, b: 1}", "the key 'b' is there again in line 2"),
        (f"{'k' * 999}: 1\nx: 1\n{'k' * 999}: 1", "kk' is there again in line 3"),
    ],
)
def test_a_key_twice(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        from_yaml(text)


def test_a_text_that_yaml_takes_for_a_boolean(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("language: no")
    with pytest.raises(UsageError, match="language = False") as failure:
        resolve(TranscribeConfig, {}, tmp_path / "c.yaml")
    assert "YAML reads no, off, yes and on as false and true" in failure.value.hint
    (tmp_path / "c.yaml").write_text("language: 'no'")
    assert resolve(TranscribeConfig, {}, tmp_path / "c.yaml").language == "no"


def test_messages_quote_little(tmp_path: Path) -> None:
    value: object = "x"
    for _ in range(9):
        value = [value] * 10
    for odd in (value, "x" * 10**6, {"k" * 10**6: 1}, 10**4000, 10**5000, b"\x00" * 10**6):
        assert len(quoted(odd)) <= QUOTED
    with pytest.raises(UsageError) as failure:
        build(Narrow, {"number": value})
    assert len(str(failure.value)) < 300
    assert len(OvwError("x" * 10**6).message) < LONGEST + 10
    assert OvwError("a\x1b[31m\nb\u202ec\ud800ä").message == "a\\x1b[31m\\nb\\u202ec\\ud800ä"


def test_a_path_with_nul(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="NUL"):
        build(Narrow, {"number": ["a", "b\0c"]})
    (tmp_path / "c.yaml").write_text('number: "a\\0b"')
    with pytest.raises(UsageError, match="NUL"):
        resolve(Narrow, {}, tmp_path / "c.yaml")


def test_records_and_manifests(tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text(CLOSED)
    with pytest.raises(OvwError, match="nested"):
        read_record(tmp_path / "r.json")
    (tmp_path / "manifest.json").write_text(CLOSED)
    with pytest.raises(OvwError, match="nested"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("change", [{"n_audio_ctx": 1_500_000_000}, {"n_vocab": -5}, {"n_text_layer": 0}])
def test_dimensions_that_would_fill_the_memory(tmp_path: Path, tiny: Converted, change: dict) -> None:
    (name,) = change
    manifest = unsealed(tiny.folder)
    (tmp_path / "manifest.json").write_text(json.dumps(manifest | {"dims": manifest["dims"] | change}))
    with pytest.raises(OvwError, match=f"dims.*{name} is {change[name]}"):
        read_manifest(tmp_path)


def test_one_bad_row_is_one_problem(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(wav())
    good = '{"id": "%s", "audio": "a.wav", "reference": "x"}\n'
    bad = ['{"id": "\\ud800", "audio": "a.wav", "reference": "x"}\n', CLOSED + "\n", BRACKETS + "\n"]
    (tmp_path / "m.jsonl").write_text(good % "a" + "".join(bad) + good % "b")
    items = list(ManifestDataset(tmp_path / "m.jsonl"))
    assert [isinstance(item, Problem) for item in items] == [False, True, True, True, False]


def ct2(variables: dict[str, np.ndarray]) -> memoryview:
    """A `model.bin` of these variables."""

    def text(value: str) -> bytes:
        return struct.pack("<H", len(value) + 1) + value.encode() + b"\0"

    blob = struct.pack("<I", 6) + text("WhisperSpec") + struct.pack("<II", 3, len(variables))
    for name, value in variables.items():
        kind = {"float32": 0, "int8": 1}[value.dtype.name]
        blob += (
            text(name)
            + struct.pack(f"<B{value.ndim}IBI", value.ndim, *value.shape, kind, value.nbytes)
            + value.tobytes()
        )
    return memoryview(blob + struct.pack("<I", 0))


@pytest.mark.parametrize("scales", [999, 2, 8, 0])
def test_scales_that_do_not_fit(scales: int) -> None:
    odd = {"w": np.ones((4, 2), np.int8), "w_scale": np.ones(scales, np.float32)}
    with pytest.raises(OvwError, match=rf"w has shape \[4, 2\], but {scales} scales"):
        parse_model(ct2(odd), "x")


@pytest.mark.parametrize("scales", [4, 1])
def test_scales_that_fit(scales: int) -> None:
    read = parse_model(ct2({"w": np.ones((4, 2), np.int8), "w_scale": np.full(scales, 2, np.float32)}), "x")
    assert read["w"].tolist() == [[0.5, 0.5]] * 4


def test_a_tensor_that_claims_more_than_it_stores(tmp_path: Path) -> None:
    import torch

    state = {k: torch.from_numpy(np.array(v)) for k, v in random_checkpoint(TINY).tensors.items()}
    state["decoder.ln.bias"] = torch.zeros(1).expand(1 << 36)
    torch.save({"dims": TINY.as_dict(), "model_state_dict": state}, tmp_path / "a.pt")
    with pytest.raises(OvwError, match=r"'decoder\.ln\.bias' claims more values than are stored"):
        load_checkpoint(None, str(tmp_path / "a.pt"))


def test_references_that_would_fill_the_memory(tmp_path: Path) -> None:
    import torch

    value: object = 1
    for _ in range(9):
        value = [value] * 10
    torch.save(
        {"dims": TINY.as_dict() | {"n_mels": value}, "model_state_dict": {"a": torch.zeros(1)}}, tmp_path / "a.pt"
    )
    with pytest.raises(OvwError, match="n_mels is") as failure:
        load_checkpoint(None, str(tmp_path / "a.pt"))
    assert len(str(failure.value)) < 400


def test_a_compressed_member(tmp_path: Path, tiny_pt: Path) -> None:
    with zipfile.ZipFile(tiny_pt) as source, zipfile.ZipFile(tmp_path / "a.pt", "w", zipfile.ZIP_DEFLATED) as out:
        for name in source.namelist():
            out.writestr(name, source.read(name))
    with pytest.raises(OvwError, match="is compressed, which PyTorch never does"):
        load_checkpoint(None, str(tmp_path / "a.pt"))


def test_no_flipped_bit_in_a_pt_is_believed(tmp_path: Path, tiny_pt: Path) -> None:
    content = bytearray(tiny_pt.read_bytes())
    for place in np.random.default_rng(0).integers(0, len(content) // 2, 4):
        content[place] ^= 4
        (tmp_path / "a.pt").write_bytes(content)
        with pytest.raises(OvwError, match=r"a\.pt"):
            load_checkpoint(None, str(tmp_path / "a.pt"))
        content[place] ^= 4


def test_counts_that_take_no_room(tmp_path: Path) -> None:
    good = save_ggml(tmp_path / "a.bin", random_checkpoint(TINY), "f16").read_bytes()
    words = 4 * 12 + 8 + 4 * 80 * 201
    for place, value in ((words, 2**31 - 1), (words, -5)):
        (tmp_path / "a.bin").write_bytes(good[:place] + struct.pack("<i", value) + good[place + 4 :])
        with pytest.raises(OvwError, match=f"it announces {value} words"):
            load_checkpoint(None, str(tmp_path / "a.bin"))
    (tmp_path / "a.bin").write_bytes(good + struct.pack("<3i", 2**30, 4, 0) + bytes(1000))
    with pytest.raises(OvwError, match="dimensions"):
        load_checkpoint(None, str(tmp_path / "a.bin"))


@pytest.mark.parametrize("token", [{"content": None}, None, 7, {"id": 3}, {"content": [], "id": 1}])
def test_tokens_that_are_none(tmp_path: Path, token: object) -> None:
    from ovw.convert.tokenizer import build_tokenizer_json

    tokenizer = json.loads(build_tokenizer_json(TINY, None))
    tokenizer["added_tokens"].append(token)
    folder = save_hf(tmp_path / "hf", random_checkpoint(TINY))
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    with pytest.raises(OvwError) as failure:
        build_tokenizer_json(TINY, load_checkpoint(None, str(folder)).tokenizer_json)
    assert "\n" not in str(failure.value)


@pytest.mark.parametrize(("part", "there", "here"), [("vocab", "mercy", 5), ("added_tokens", "<|cs|>", 50383)])
def test_two_tokens_with_one_id(part: str, there: str, here: int) -> None:
    from ovw.convert.tokenizer import build_tokenizer_json

    tokenizer = json.loads(build_tokenizer_json(TINY, None))
    if part == "vocab":
        tokenizer["model"]["vocab"][there] = here
    else:
        next(token for token in tokenizer["added_tokens"] if token["content"] == there)["id"] = here
    with pytest.raises(OvwError, match=f"gives id {here} to "):
        build_tokenizer_json(TINY, json.dumps(tokenizer))


def test_verify_refuses_no_languages(tmp_path: Path, tiny: Converted) -> None:
    import shutil

    folder = Path(shutil.copytree(tiny.folder, tmp_path / "a"))
    (folder / "manifest.json").write_text(json.dumps(unsealed(folder) | {"languages": []}))
    (problem,) = find_problems(folder)
    assert "languages" in problem


def test_verify_sees_any_change_of_a_manifest(tmp_path: Path, tiny: Converted) -> None:
    import shutil

    folder = Path(shutil.copytree(tiny.folder, tmp_path / "a"))
    text = (folder / "manifest.json").read_text()
    for there, here in (('"vi"', '"tl"'), ('"translate": true', '"translate": false'), ('"da",', "")):
        assert there in text
        (folder / "manifest.json").write_text(text.replace(there, here, 1))
        assert find_problems(folder) == ["manifest.json: was changed after it was written"]
        read_manifest(folder)  # whoever adapts an artifact can still run it
    (folder / "manifest.json").write_text(json.dumps(json.loads(text)))  # laid out otherwise
    assert find_problems(folder) == []
    (folder / "manifest.json").write_text(json.dumps(unsealed(folder)))  # of an earlier version
    assert find_problems(folder) == []


def unsealed(folder: Path) -> dict:
    return json.loads((folder / "manifest.json").read_text()) | {"contents_sha256": None}


@pytest.fixture(params=["gz", "xz", "bz2"])
def packed(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    source = pack(librispeech(tmp_path), tmp_path / "test-other.tar.gz")
    target = tmp_path / f"copy.tar.{request.param}"
    with tarfile.open(source) as tar, tarfile.open(target, f"w:{request.param}") as out:
        for member in tar.getmembers():
            out.addfile(member, tar.extractfile(member) if member.isfile() else None)
    return target


def test_no_flipped_bit_in_an_archive_is_believed(packed: Path) -> None:
    content = packed.read_bytes()
    for place in np.random.default_rng(1).integers(80, len(content) - 24, 12):
        damaged = bytearray(content)
        damaged[place] ^= 16
        packed.write_bytes(damaged)
        with pytest.raises(OvwError, match="is not a whole archive") as failure:
            Archive(packed)
        assert "\n" not in str(failure.value)


def test_a_damaged_header_is_no_end(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        for name in "abc":
            tar.addfile(tarfile.TarInfo(name))
    whole = (tmp_path / "a.tar").read_bytes()
    assert Archive(tmp_path / "a.tar").names() == ["a", "b", "c"]
    for damaged in (whole[:520] + b"?" + whole[521:], whole[:1024], whole[:1500]):
        (tmp_path / "a.tar").write_bytes(damaged)
        with pytest.raises(OvwError, match=r"is not a whole archive: .*, at byte (512|1024)"):
            Archive(tmp_path / "a.tar")


def test_archives_that_are_none(tmp_path: Path) -> None:
    for content in (b"", b"nothing", b"\x1f\x8b" + b"x" * 99, b"BZh9" + b"x" * 99, b"\xfd7zXZ\0" + b"x" * 99):
        (tmp_path / "a.tar.bz2").write_bytes(content)
        with pytest.raises(OvwError) as failure:
            Archive(tmp_path / "a.tar.bz2")
        assert "\n" not in str(failure.value)


def test_a_transcript_in_another_encoding(tmp_path: Path) -> None:
    root = librispeech(tmp_path)
    (transcript, *_) = sorted(root.rglob("*.trans.txt"))
    transcript.write_bytes(transcript.read_bytes() + "61-70968-0009 DÉJÀ VU\n".encode("latin-1"))
    for place in (root, pack(root, tmp_path / "test-other.tar.gz")):
        assert list(open_librispeech(place, "test-other"))  # as Windows-1252, with a warning


def test_a_member_of_any_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ovw.datasets.archive.LARGEST_MEMBER", 100)
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        info = tarfile.TarInfo("x.wav")
        info.size = 101
        tar.addfile(info, io.BytesIO(bytes(101)))
    archive = Archive(tmp_path / "a.tar")
    ((_, read),) = archive.readers()
    with pytest.raises(OvwError, match=r"x\.wav: 101 bytes, at most 100 are read"):
        read()
    archive.close()


def test_bytes_too_many_in_the_old_form(tmp_path: Path) -> None:
    """It has no checksums: what stands behind the last tensor is all that shows."""
    import torch

    path = tmp_path / "old.pt"
    torch.save({"a": torch.ones(4)}, path, _use_new_zipfile_serialization=False)
    assert list(load_pickle(path)["a"]) == [1.0] * 4
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(ValueError, match="something follows its tensors"):
        load_pickle(path)


def test_heads_of_a_model_of_any_size() -> None:
    assert TINY.usable_heads([(1, 0), (0, 1)]) == [(1, 0), (0, 1)]
    assert [TINY.usable_heads(pairs) for pairs in ([], [(9, 0)], [(-1, 0)], TINY.upper_half)] == [None] * 4
    assert TINY.is_upper_half(TINY.upper_half)
    assert not TINY.is_upper_half(TINY.upper_half[1:])
    assert not TINY.is_upper_half([*TINY.upper_half[1:], (0, 0)])
    assert not Dims(**TINY.as_dict() | {"n_text_head": 1 << 40}).is_upper_half([(0, 0)])
