"""Files that parse and make no sense, and files that are none: typed values, pipes, sizes. Each ends in one line."""

import json
import os
import random
import re
import shutil
from pathlib import Path

import pytest
from fuzz.mutate import TEXT, mutate
from fuzz.structure import swap_header, swap_value
from fuzz.verbs import seal
from support.command import ovw
from support.speech_files import wav
from support.tiny_whisper import SELFTEST_CLIP, TINY
from support.whispers import opened

from ovw.api.whisper import Whisper
from ovw.artifact.check import find_problems
from ovw.artifact.foreign import foreign_manifest
from ovw.artifact.generation import read_generation
from ovw.artifact.locate import load_manifest
from ovw.artifact.manifest import read_manifest
from ovw.convert.plan import Converted
from ovw.convert.sources.generation import from_huggingface
from ovw.convert.sources.resolve import load_checkpoint
from ovw.convert.sources.wrappers import merge_adapter
from ovw.convert.tokenizer import build_tokenizer_json
from ovw.datasets.archive import Archive
from ovw.datasets.manifest import ManifestDataset
from ovw.errors import OvwError, UsageError
from ovw.evaluate.journal import HypothesisJournal
from ovw.text_files import LARGEST, read_text
from ovw.transcribe.bpe import load_bpe
from ovw.transcribe.tokenizer import Tokenizer

HUGE = 100 << 30
FIXED = {"strategy": {"Fixed": 2**33}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": 0, "pad_type_id": 0, "pad_token": "x"}  # fmt: skip
SHORT = {"max_length": 1, "strategy": "LongestFirst", "stride": 0, "direction": "Right"}


@pytest.fixture
def copy(tmp_path: Path, tiny: Converted) -> Path:
    """An artifact to damage; its large files are links."""
    shutil.copytree(tiny.folder, tmp_path / "a", copy_function=os.link)
    for path in (tmp_path / "a").glob("*.json"):
        content = path.read_bytes()
        path.unlink()
        path.write_bytes(content)
    return tmp_path / "a"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("suppress_tokens", "all"), ("suppress_tokens", [None]), ("suppress_tokens", [2**63]), ("suppress_tokens", {}), ("begin_suppress_tokens", [0.5]), ("begin_suppress_tokens", [-2]),
        ("language", 5), ("task", "sing"), ("max_length", "448"), ("max_length", 1), ("max_initial_timestamp_index", [50]), ("repetition_penalty", float("inf")),
        ("repetition_penalty", float("nan")), ("repetition_penalty", True), ("no_repeat_ngram_size", -1), ("is_multilingual", "yes"), ("lang_to_id", ["en"]), ("alignment_heads", [[0]]),
        ("alignment_heads", [["a", 0]]), ("alignment_heads", 3),
    ],
)  # fmt: skip
def test_values_of_a_generation_config(tmp_path: Path, key: str, value: object) -> None:
    (tmp_path / "generation_config.json").write_text(json.dumps({key: value}))
    with pytest.raises(OvwError, match=rf"generation_config\.json: {key} is .*, expected ") as failure:
        read_generation(tmp_path)
    assert len(str(failure.value)) < 500


def test_tokens_beyond_the_vocabulary(tmp_path: Path) -> None:
    (tmp_path / "generation_config.json").write_text('{"suppress_tokens": [-1, 99], "language": null}')
    assert read_generation(tmp_path, 100)["suppress_tokens"] == [-1, 99]
    with pytest.raises(OvwError, match="suppress_tokens has 99, of a vocabulary of 99 tokens"):
        read_generation(tmp_path, 99)


@pytest.mark.parametrize("content", ["[]", "5", "", '{"a": ', '{"suppress_tokens": [[]]}'])
def test_a_damaged_config_of_a_model_is_reported_everywhere(copy: Path, content: str) -> None:
    (copy / "generation_config.json").write_text(content)
    (copy / "manifest.json").unlink()  # as another program leaves it: no hash speaks for it
    for read in (foreign_manifest, Tokenizer.from_artifact, Whisper):
        with pytest.raises(OvwError, match=r"generation_config\.json"):
            read(copy)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_configs_with_a_byte_order_mark(copy: Path, encoding: str) -> None:
    (copy / "manifest.json").unlink()
    expected = foreign_manifest(copy)
    for name in ("config.json", "generation_config.json"):
        (copy / name).write_text((copy / name).read_text(), encoding=encoding)
    found = foreign_manifest(copy)
    assert (found.dims, found.languages) == (expected.dims, expected.languages)


def test_verify_asks_for_no_conversion_of_what_others_made(copy: Path) -> None:
    (copy / "config.json").write_text("[]")
    assert "convert again with --force" in ovw("verify", copy, code=1).stderr
    (copy / "manifest.json").unlink()
    assert "Hint: fetch the folder again." in ovw("verify", copy, code=1).stderr


def test_heads_of_a_larger_decoder_are_not_used(copy: Path) -> None:
    (copy / "manifest.json").unlink()
    config = json.loads((copy / "generation_config.json").read_text())
    (copy / "generation_config.json").write_text(json.dumps(config | {"alignment_heads": [[0, 0], [99, 0]]}))
    assert foreign_manifest(copy).alignment_heads is None


@pytest.mark.parametrize("number", ["1e400", "NaN", "9" * 400, "true", "null", "[]", '"x"', "-1"])
def test_numbers_of_a_config(copy: Path, number: str) -> None:
    (copy / "manifest.json").unlink()
    config = json.loads((copy / "config.json").read_text()) | {"d_model": "here"}
    (copy / "config.json").write_text(json.dumps(config).replace('"here"', number))
    with pytest.raises(OvwError):
        foreign_manifest(copy)


def test_verify_reports_a_tokenizer_that_cannot_be_used(copy: Path) -> None:
    from ovw.cli.verify import _problems

    (copy / "manifest.json").unlink()
    (copy / "tokenizer.json").write_text((copy / "tokenizer.json").read_text().replace('"truncation":', '"x":', 1).replace("{", '{"truncation": {},', 1))  # fmt: skip
    (problem,) = _problems(copy, foreign=True)
    assert "tokenizer.json" in problem


@pytest.mark.parametrize("foreign", [False, True])
def test_verify_reports_a_graph_that_cannot_be_read(copy: Path, foreign: bool) -> None:
    from ovw.cli.verify import _problems

    graph = copy / "openvino_decoder_model.xml"
    text = graph.read_text()[:2000]
    graph.unlink()
    graph.write_text(text)
    if foreign:
        (copy / "manifest.json").unlink()
    else:
        seal(graph)
    problems = _problems(copy, foreign=foreign)
    assert problems
    assert all("openvino_decoder_model.xml" in problem and "\n" not in problem for problem in problems)


def test_a_damaged_graph_is_one_line(copy: Path, tmp_path: Path) -> None:
    graph = copy / "openvino_encoder_model.xml"
    content = graph.read_bytes()
    graph.unlink()
    graph.write_bytes(content[: len(content) // 2])
    done = ovw("transcribe", SELFTEST_CLIP, "-m", copy, "-o", tmp_path / "out", home=tmp_path / "home", code=1)
    assert re.fullmatch(r"ovw: .* cannot be loaded: .*\n", done.stderr)  # not OpenVINO's own lines before it


def test_arguments_of_another_type(tiny: Converted) -> None:
    with pytest.raises(UsageError, match=r"device is 'CPU' \(give DeviceOptions"):
        Whisper(tiny.folder, device="CPU")  # type: ignore[arg-type]
    whisper = opened(tiny.folder)
    for odd, message in (
        ({"options": "x"}, "options are 'x'"),
        ({"options": {"language": "en"}}, "options are {'language': 'en'}"),
        ({"stream": "x"}, "stream is 'x'"),
        ({"stream": 1.5}, "stream is 1.5"),
        ({"temperature": "x"}, "temperature = 'x'"),
        ({"langage": "en"}, "unknown key 'langage'"),
    ):
        with pytest.raises(UsageError, match=message):
            whisper.transcribe(SELFTEST_CLIP, **odd)
    for media in (None, 5, {}, b"x", 1.5):
        with pytest.raises(UsageError, match="cannot be transcribed"):
            whisper.transcribe(media)  # type: ignore[arg-type]


def test_a_tokenizer_pads_and_cuts_nothing() -> None:
    given = json.loads(build_tokenizer_json(TINY, None))
    plain = load_bpe(json.dumps(given)).encode(" some words of it").ids
    given["model"]["dropout"] = 0.9
    odd = load_bpe(json.dumps(given | {"padding": FIXED, "truncation": SHORT}))
    assert odd.encode(" some words of it").ids == plain


def test_a_panic_is_an_error() -> None:
    given = json.loads(build_tokenizer_json(TINY, None))
    given["normalizer"] = {"type": "Replace", "pattern": {"String": ""}, "content": "x" * 1000}
    with pytest.raises(ValueError, match="the tokenizer cannot be used"):
        load_bpe(json.dumps(given))
    given["normalizer"] = {"type": "Replace", "pattern": {"Regex": "(a+)+$"}, "content": "x"}
    tokenizer = Tokenizer(load_bpe(json.dumps(given)), ())
    with pytest.raises(OvwError, match=r"cannot be encoded: the tokenizer cannot be used: .*retry-limit"):
        tokenizer.encode("a" * 40 + "!")


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/../../x", "a\0b", "x" * 300, ""])
def test_files_of_a_manifest_stay_in_its_folder(copy: Path, name: str) -> None:
    manifest = json.loads((copy / "manifest.json").read_text()) | {"contents_sha256": None}
    manifest["files"][name] = {"bytes": 1, "sha256": ""}
    (copy / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(OvwError, match="is not the name of a file in this folder"):
        read_manifest(copy)
    assert len(find_problems(copy)) == 1


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
@pytest.mark.parametrize("name", ["generation_config.json", "openvino_encoder_model.xml", "more"])
def test_pipes_are_not_waited_for(copy: Path, name: str) -> None:
    (copy / name).unlink(missing_ok=True)
    os.mkfifo(copy / name)
    with pytest.raises(OvwError, match=f"{name} cannot be read: it is a pipe or a device"):
        load_manifest(copy)
    with pytest.raises(OSError, match="a pipe"):
        read_text(copy / name)


def test_links_in_a_circle(copy: Path) -> None:
    (copy / "generation_config.json").unlink()
    (copy / "generation_config.json").symlink_to(copy / "generation_config.json")
    with pytest.raises(OvwError, match="symbolic links"):
        Tokenizer.from_artifact(copy)
    assert find_problems(copy) == ["generation_config.json: missing"]


@pytest.mark.parametrize("name", ["config.json", "manifest.json", "openvino_decoder_model.xml"])
def test_a_model_with_a_file_without_end(copy: Path, name: str) -> None:
    content = (copy / name).read_bytes()
    (copy / name).unlink()
    (copy / name).write_bytes(content)
    os.truncate(copy / name, HUGE)
    with pytest.raises(OvwError, match=f"{name} cannot be read: it has {HUGE} bytes, at most {LARGEST} are read"):
        load_manifest(copy)


@pytest.mark.parametrize("name", ["a.pt", "a.bin", "config.json"])
def test_a_checkpoint_without_end(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"{}")
    os.truncate(tmp_path / name, HUGE)
    for path in (tmp_path, tmp_path / name):
        with pytest.raises(OvwError, match=f"it has {HUGE} bytes"):
            load_checkpoint(None, str(path))


def test_lists_without_end(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"audio": "a.wav", "reference": "x"}\n')
    os.truncate(tmp_path / "a.jsonl", HUGE)
    with pytest.raises(OvwError, match=f"it has {HUGE} bytes"):
        list(ManifestDataset(tmp_path / "a.jsonl"))


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.tsv"])
def test_lines_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr("ovw.text_files.LONGEST_LINE", 1000)
    (tmp_path / "a.wav").write_bytes(wav())
    (tmp_path / name).write_text("x" * 2000)
    with pytest.raises(OvwError, match="a line of more than 1000 characters"):
        list(ManifestDataset(tmp_path / name))


def test_a_journal_with_a_line_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ovw.text_files.LONGEST_LINE", 1000)
    with HypothesisJournal(tmp_path, {"dataset": "x", "beam_size": 1}):
        pass
    (tmp_path / "hypotheses.jsonl").write_text("x" * 2000)
    with pytest.raises(OvwError, match="a line of more than 1000 characters"):
        HypothesisJournal(tmp_path, {"dataset": "x", "beam_size": 1})
    assert (tmp_path / "hypotheses.jsonl").stat().st_size == 2000


def test_zeros_behind_an_archive(tmp_path: Path) -> None:
    import tarfile

    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        tar.addfile(tarfile.TarInfo("a"))
    os.truncate(tmp_path / "a.tar", HUGE)
    with pytest.raises(OvwError, match="bytes follow its end"):
        Archive(tmp_path / "a.tar")


@pytest.mark.parametrize("penalty", [float("inf"), 1e300, 10**400, "1.2", True, -1])
def test_a_penalty_that_cannot_be(caplog: pytest.LogCaptureFixture, penalty: object) -> None:
    found = from_huggingface(
        {"repetition_penalty": penalty, "max_length": "x" * 9000, "task": [1] * 9000}, {}, None, TINY
    )
    assert found.repetition_penalty is found.max_length is found.task is None
    assert len(caplog.messages) == 3
    assert max(map(len, caplog.messages)) < 250


@pytest.mark.parametrize("pattern", ["(a+)+$", "(.*)*(.*)*x", "[", "a{1,99}b*c*d*", "x" * 1000, "(?P<x"])
def test_patterns_of_an_adapter(pattern: str) -> None:
    import numpy as np

    base = {"model.q_proj.weight": np.ones((2, 2), np.float32)}
    parts = {f"model.q_proj.lora_{part}.weight": np.ones((2, 2), np.float32) for part in "AB"}
    config = {"alpha_pattern": {pattern: 4}}
    with pytest.raises(ValueError, match="alpha_pattern has "):
        merge_adapter(base, parts, config, "x")
    for known in ("q_proj", r"model\.q.*", "(k|q)_proj", "[kq]_proj$"):
        merged = merge_adapter(base, parts, {"alpha_pattern": {known: 4}}, "x")
        assert merged["model.q_proj.weight"][0, 0] == 5.0


def test_mutations_of_values_keep_the_form() -> None:
    data = json.dumps({"a": [1, {"b": "x"}], "c": {"d": None}}).encode()
    lines = data + b"\n" + data + b"\n"
    for number in range(60):
        json.loads(swap_value(data, random.Random(number)).replace(b"9" * 5000, b"9"))
        assert swap_value(lines, random.Random(number)).count(b"\n") == 2
        assert swap_value(b"a: 1\nb: 2\n", random.Random(number))
        header = swap_header((len(data)).to_bytes(8, "little") + data + b"rest", random.Random(number))
        assert header.endswith(b"rest")
        assert mutate(lines, random.Random(number), TEXT) == mutate(lines, random.Random(number), TEXT)
