"""Text in the encodings of other programs."""

from __future__ import annotations

import codecs
import json
import logging
from pathlib import Path

import pytest
from support.speech_files import librispeech, pack, wav

from ovw.config import build, read_yaml
from ovw.datasets.resolve import DatasetOptions, utterances
from ovw.errors import OvwError
from ovw.parsing import load_object
from ovw.scoring.hypothesis import read_hypotheses
from ovw.scoring.normalizer import normalize
from ovw.text_files import decode_text, read_text

TEXT = "Straße, déjà vu – “quoted”\nsecond line ñ"
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"]


def encoded(text: str, encoding: str, line_end: str = "\n") -> bytes:
    return text.replace("\n", line_end).encode(encoding)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_every_encoding_and_line_end(tmp_path: Path, encoding: str, line_end: str):
    path = tmp_path / "a.txt"
    path.write_bytes(encoded(TEXT, encoding, line_end))
    assert read_text(path) == TEXT
    assert decode_text(path.read_bytes(), "a.txt") == TEXT


@pytest.mark.parametrize("text", ["", "a", "日本語のテキスト", "हिन्दी", "one\n" * 5000])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_texts_of_every_script(tmp_path: Path, text: str, encoding: str):
    (tmp_path / "a.txt").write_bytes(text.encode(encoding))
    assert read_text(tmp_path / "a.txt") == text


@pytest.mark.parametrize("text", ["да, привет\n", "การทดสอบ ภาษา", "Γειά σου", "مرحبا", "שלום\n\n"])
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_two_bytes_a_character_without_a_mark(text: str, encoding: str):
    assert decode_text(text.encode(encoding), "a.txt") == text


@pytest.mark.parametrize("text", ["\x1b[0m!", "\n\n\n\n", "bell\x07\tend", "\t\n1\n"])
def test_controls_do_not_make_it_so(text: str):
    assert decode_text(text.encode(), "a.txt") == text


def test_a_late_character_decides(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    path = tmp_path / "a.txt"
    path.write_bytes(b"plain ascii\n" * 200_000 + "é".encode("latin-1"))
    with caplog.at_level(logging.WARNING):
        assert read_text(path).endswith("é")
    assert "read as Windows-1252" in caplog.text


@pytest.mark.parametrize("data", [b"\x00\x01\xff\xfe\x80", b"RIFF\x00\x00\xff\xff", b"\xff\xd8\xff\xe0\x00\x10JFIF"])
def test_what_is_no_text(tmp_path: Path, data: bytes):
    (tmp_path / "a.txt").write_bytes(data)
    with pytest.raises(UnicodeDecodeError):
        read_text(tmp_path / "a.txt")


BROKEN = "Straße\ndéjà vu\nend\n".encode().replace(b"\nend", b"\nma\xf1ana")


@pytest.mark.parametrize("data", [BROKEN, "Straße\ndéjà vu\nmañana".encode()[:-4], "你好\n世界\n早".encode()[:-1]])
def test_one_bad_byte_does_not_make_it_another_encoding(tmp_path: Path, data: bytes):
    (tmp_path / "a.txt").write_bytes(data)
    with pytest.raises(UnicodeDecodeError, match=r"^line 3 is not UTF-8, other lines are$"):
        read_text(tmp_path / "a.txt")
    (tmp_path / "a.wav").write_bytes(wav())
    (problem,) = utterances(DatasetOptions(dataset=str(tmp_path)))
    assert getattr(problem, "reason", "") == "a.txt: line 3 is not UTF-8, other lines are"


@pytest.mark.parametrize("archived", [False, True])
def test_a_transcript_with_a_bad_byte(tmp_path: Path, archived: bool):
    root = librispeech(tmp_path)
    for transcript in root.rglob("*.trans.txt"):
        transcript.write_bytes(transcript.read_bytes() + "x-0 é\nx-1 ".encode() + b"\xe9\n")
    data = pack(root, tmp_path / "a.tar.gz") if archived else root
    with pytest.raises(OvwError, match=r"trans\.txt cannot be read: line \d is not UTF-8"):
        list(utterances(DatasetOptions(dataset="librispeech", data=str(data), split="test-other")))


def test_hypotheses_with_a_bad_byte(tmp_path: Path):
    line = '{"id": "a", "reference": "Größe", "hypothesis": "x"}\n'
    (tmp_path / "h.jsonl").write_bytes(line.encode() + line.encode("latin-1"))
    with pytest.raises(OvwError, match=r"h\.jsonl cannot be read: line 2 is not UTF-8"):
        read_hypotheses(tmp_path / "h.jsonl")


def test_windows_letters_that_look_like_utf_8():
    text = "déjà vu, mañana, Größe, née, frère, là, où, ça, être, hôtel, CAFÉ…"
    assert decode_text(text.encode("cp1252"), "a.txt") == text


def references(dataset: Path, **options: object) -> list[str]:
    return [found.reference for found in utterances(build(DatasetOptions, {"dataset": str(dataset), **options}))]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_transcripts_manifests_and_tables(tmp_path: Path, encoding: str):
    clips = tmp_path / "clips"
    clips.mkdir()
    (clips / "a.wav").write_bytes(wav())
    (clips / "a.txt").write_bytes(encoded("Déjà vu\n", encoding, "\r\n"))
    assert references(clips) == ["Déjà vu"]
    row = json.dumps({"audio": "clips/a.wav", "reference": "Déjà vu"}, ensure_ascii=False)
    for name, text in (
        ("m.jsonl", f"{row}\n"), ("m.csv", "audio,reference\nclips/a.wav,Déjà vu\n"),
        ("m.tsv", "audio\treference\nclips/a.wav\tDéjà vu\n"),
    ):  # fmt: skip
        (tmp_path / name).write_bytes(encoded(text, encoding, "\r\n"))
        assert set(references(tmp_path / name)) == {"Déjà vu"}


@pytest.mark.parametrize("archived", [False, True])
def test_librispeech_with_a_byte_order_mark(tmp_path: Path, archived: bool):
    root = librispeech(tmp_path)
    for transcript in root.rglob("*.trans.txt"):
        transcript.write_bytes(codecs.BOM_UTF8 + transcript.read_bytes().replace(b"\n", b"\r\n"))
    data = pack(root, tmp_path / "a.tar.gz") if archived else root
    options = DatasetOptions(dataset="librispeech", data=str(data), split="test-other")
    found = list(utterances(options))
    assert min(u.id for u in found) == "61-70968-0000"
    assert all(u.reference.isupper() and "\r" not in u.reference for u in found)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_configurations_and_results(tmp_path: Path, encoding: str):
    (tmp_path / "c.yaml").write_bytes(encoded("initial_prompt: Café Größe\n", encoding, "\r\n"))
    assert read_yaml(tmp_path / "c.yaml") == {"initial_prompt": "Café Größe"}
    (tmp_path / "c.json").write_bytes(encoded('{"title": "Größe"}', encoding))
    assert load_object(tmp_path / "c.json") == {"title": "Größe"}
    line = '{"id": "a", "reference": "Größe", "hypothesis": "x"}\n'
    (tmp_path / "h.jsonl").write_bytes(encoded(line, encoding, "\r\n"))
    assert read_hypotheses(tmp_path / "h.jsonl")[0].reference == "Größe"


@pytest.mark.parametrize("language", ["en", "de", "zh"])
def test_a_mark_within_a_text_is_no_error(language: str):
    assert normalize("\ufeffhello \ufeffworld", language) == normalize("hello world", language)
