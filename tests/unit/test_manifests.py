"""Lists of clips: their columns, segments of files, tables, and what is refused."""

import csv
import math
import re
from dataclasses import replace
from pathlib import Path
from weakref import ReferenceType, ref

import numpy as np
import pytest
from support.hypotheses import REQUEST, Echo
from support.read_datasets import good, items, prints
from support.speech_files import manifest, wav

from ovw.audio.decode import load_audio
from ovw.audio.inputs import expand
from ovw.benchmark.clips import prepare_clips
from ovw.benchmark.config import BenchConfig
from ovw.config import build
from ovw.convert.compression.calibration import read_speech
from ovw.datasets.audio import clip_sha256, read_clip
from ovw.datasets.manifest import listed_audio
from ovw.datasets.resolve import DatasetOptions
from ovw.datasets.utterance import Problem, Utterance
from ovw.errors import OvwError, UsageError
from ovw.evaluate.journal import HypothesisJournal
from ovw.evaluate.transcription import run
from ovw.media_fragment import sharing
from ovw.scale.task import InProcessPool


def test_manifest(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(wav())
    rows = [
        {"audio": "a.wav", "text": "Guten Tag", "lang": "de-DE", "speaker_id": 7, "duration": 0.6},
        {"audio": "sub/b.wav", "text": "", "id": "b"},
        "{not json",
        "[1]",
        {"audio": "", "text": "x", "id": "c"},
        {"audio": "d.wav", "id": "d"},
        {"audio": ".", "text": "x", "id": "e"},
        {"audio": "a.wav", "text": "again", "lang": "de"},
    ]
    path = manifest(tmp_path / "m.jsonl", rows)
    found = items(path)
    first = found[0]
    assert isinstance(first, Utterance)
    assert (first.id, first.reference, first.language, first.speaker) == ("a", "Guten Tag", "de", "7")
    assert first.duration_s == 0.6
    problems = {(p.id, p.reason) for p in found if isinstance(p, Problem)}
    assert (f"{path}:4", "a list, not an object") in problems
    assert ("c", "no audio") in problems
    assert ("e", "audio is '.', no file") in problems
    assert ("d", "has no column for the reference: it has audio, id") in problems
    assert ("a", "this id was seen before") in problems
    assert any(name == f"{path}:3" and reason.startswith("not JSON") for name, reason in problems)
    assert [u.id for u in items(path, languages="de") if isinstance(u, Utterance)] == ["a"]


def test_paths_from_home_and_file_addresses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    files = [tmp_path / "me" / "a.wav", tmp_path / "b 1#?.wav", tmp_path / "c.wav", tmp_path / "list" / "~d.wav"]
    for path in files:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(wav())
    audio = ["~/a.wav", files[1].as_uri(), f"FILE://localhost{files[2]}", "~d.wav"]
    listed = manifest(tmp_path / "list" / "m.jsonl", [{"audio": one, "text": "x"} for one in audio])
    assert [one.audio for one in good(listed)] == files
    assert [one.id for one in good(listed)] == [*(str(path.with_suffix("")) for path in files[:3]), "~d"]
    inputs, problems = expand([str(listed)], listed_audio)
    assert ([one.path for one in inputs], problems) == (files, [])
    elsewhere = manifest(tmp_path / "e.jsonl", [{"audio": "file://other/a.wav", "text": "x"}])
    assert list(listed_audio(elsewhere)) == ["file://other/a.wav"]


def test_a_row_that_cannot_be_used_does_not_keep_another_of_its_id(tmp_path: Path) -> None:
    rows = [{"audio": "", "text": "x", "id": "a"}] + [{"audio": "a.wav", "text": text, "id": "a"} for text in "yz"]
    bad, clip, again = items(manifest(tmp_path / "m.jsonl", rows))
    assert isinstance(bad, Problem)
    assert isinstance(clip, Utterance)
    assert (clip.id, clip.reference) == ("a", "y")
    assert isinstance(again, Problem)
    assert again.reason == "this id was seen before"


def test_whole_files_of_a_list_of_segments(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows = [{"audio_filepath": "a.wav", "offset": offset, "duration": 2} for offset in ("?", 0, 2, 4)]
    path = manifest(tmp_path / "m.jsonl", rows)
    assert list(listed_audio(path)) == ["a.wav"] * 4
    assert caplog.messages == [f"{path}:3: offset is ignored, whole files are taken; ovw eval reads segments"]


@pytest.mark.parametrize(
    ("field", "value", "shown"),
    [
        ("text", ["hello", "world"], "text is ['hello', 'world'], no text"), ("text", True, "text is True, no text"),
        ("lang", {"code": "en"}, "lang is {'code': 'en'}, no text"), ("id", [7], "id is [7], no text"),
        ("audio", {"path": "a.wav"}, "audio is {'path': 'a.wav'}, no text"),
        ("text", math.nan, "text is nan, no text"), ("text", math.inf, "text is inf, no text"),
    ],
)  # fmt: skip
def test_values_that_are_no_text(tmp_path: Path, field: str, value: object, shown: str) -> None:
    row = {"audio": "a.wav", "text": "one", "lang": "en", "id": "a"}
    path = manifest(tmp_path / "m.jsonl", [row | {field: value}, row | {"id": 7, "text": 12}])
    problem, clip = items(path)
    assert isinstance(problem, Problem)
    assert (problem.location, problem.reason) == (f"{path}:1", shown)
    assert isinstance(clip, Utterance)
    assert (clip.id, clip.reference) == ("7", "12")


def test_nan_is_a_missing_value(tmp_path: Path) -> None:
    fields = ("id", "lang", "speaker", "duration", "offset", "end")
    (clip,) = good(manifest(tmp_path / "m.jsonl", [{"audio": "a.wav", "text": "x"} | dict.fromkeys(fields, math.nan)]))
    assert (clip.id, clip.language, clip.speaker, clip.duration_s) == ("a", None, None, None)
    assert (clip.start_s, clip.end_s) == (0, None)


SEGMENTS = [
    ({"offset": 0, "duration": 0.5}, 0.0, 0.5),
    ({"offset": 0.25, "duration": 1.25}, 0.25, 1.5),
    ({"start": "1.5", "end": "2"}, 1.5, 2.0),
    ({"start_time": 0.5, "end_time": 1}, 0.5, 1.0),
    ({"begin": 1, "end": 1.25}, 1.0, 1.25),
    ({"start": 2.5}, 2.5, 3.0),
    ({"end": 0.25}, 0.0, 0.25),
    ({"offset": 2.5, "duration": 0.51}, 2.5, 3.0),  # rounded
]


def test_segments_of_one_file_are_clips_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "talk.wav").write_bytes(wav(3))
    (tmp_path / "copy.wav").write_bytes(wav(3))
    rows = [{"audio": "talk.wav", "text": "x", **times} for times, _, _ in SEGMENTS]
    found = good(manifest(tmp_path / "m.jsonl", rows))
    whole = read_clip(Utterance("a", tmp_path / "talk.wav", "", "x"))
    clips = [read_clip(clip) for clip in found]
    for clip, (_, start, end) in zip(clips, SEGMENTS, strict=True):
        assert np.array_equal(clip.samples, whole.samples[round(start * 16000) : round(end * 16000)])
    assert len({clip.sha256 for clip in clips}) == len({u.id for u in found}) == len(SEGMENTS)
    assert [clip_sha256(u) for u in found] == [clip.sha256 for clip in clips]
    assert (found[1].id, found[1].location) == ("talk#t=0.25,1.5", f"{tmp_path / 'talk.wav'}#t=0.25,1.5")
    assert sharing([clips[0].sha256])(whole.sha256)
    assert sharing([whole.sha256])(clips[0].sha256)
    assert not sharing([clips[0].sha256])(clips[1].sha256)
    data = (tmp_path / "talk.wav").read_bytes()
    assert read_clip(replace(found[1], audio=data)).sha256 == clips[1].sha256
    copied = [{"id": u.id, "audio": "copy.wav", "text": "x", "offset": u.start_s, "end": u.end_s} for u in found]
    assert prints(good(manifest(tmp_path / "copy.jsonl", copied))) == prints(found)


def test_calibration_takes_segments(tmp_path: Path) -> None:
    (tmp_path / "talk.wav").write_bytes(wav(3))
    rows = [{"audio": "talk.wav", "text": "x", "offset": start, "duration": 1} for start in (0, 1, 2)]
    asked = DatasetOptions(dataset=str(manifest(tmp_path / "m.jsonl", rows)))
    speech = read_speech(asked, 3, texts=True)
    assert [len(clip.samples) for clip in speech.clips] == [16000] * 3
    assert len(set(speech.describe().audio.values())) == 3
    left = read_speech(asked, 3, texts=True, but=[speech.clips[1].sha256])
    assert [u.id for u in left.utterances] == ["talk#t=0,1", "talk#t=2,3"]


class Reads(Echo):
    def work(self, utterance: Utterance) -> object:
        read_clip(utterance)
        return super().work(utterance)


def test_no_recording_stays_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither behind a run over its segments, nor behind the next file."""
    decoded: list[ReferenceType[np.ndarray]] = []

    def decode(path: Path) -> np.ndarray:
        samples = load_audio(path)
        decoded.append(ref(samples))
        return samples

    monkeypatch.setattr("ovw.datasets.audio.load_audio", decode)
    for name in ("talk", "next"):
        (tmp_path / f"{name}.wav").write_bytes(wav(3))
    rows = [{"audio": "talk.wav", "text": "x", "offset": start, "duration": 1} for start in (0, 1, 2)]
    path = str(manifest(tmp_path / "m.jsonl", rows))

    def evaluate() -> None:
        with HypothesisJournal(tmp_path / "run", REQUEST) as journal:
            run(good(path), Reads(), InProcessPool(), journal)

    for work in (
        lambda: prepare_clips(build(BenchConfig, {"dataset": path}), tmp_path),
        lambda: read_speech(DatasetOptions(dataset=path), 3, texts=True),
        evaluate,
        lambda: [read_clip(u) for u in (*good(path), Utterance("b", tmp_path / "next.wav", "", "x"))],
    ):
        decoded.clear()
        kept = work()
        assert decoded
        assert decoded[0]() is None
        del kept


@pytest.mark.parametrize(
    ("times", "shown"),
    [
        ({"offset": -1, "duration": 2}, "its segment is from -1 s to 1 s: there is none"),
        ({"start": 2, "end": 1}, "its segment is from 2 s to 1 s: there is none"),
        ({"start": 1, "end": 1}, "its segment is from 1 s to 1 s: there is none"),
        ({"start": -1}, "its segment is from -1 s: there is none"),
        ({"offset": 1, "duration": 1e400}, "duration is inf, no seconds"),
        ({"start": "00:01", "end": 3}, "start is '00:01', no seconds"),
        ({"start": [1], "end": 3}, r"start is [1], no seconds"),
    ],
)  # fmt: skip
def test_segments_that_cannot_be(tmp_path: Path, times: dict[str, object], shown: str) -> None:
    path = manifest(tmp_path / "m.jsonl", [{"audio": "a.wav", "text": "x", **times}])
    (problem,) = items(path)
    assert isinstance(problem, Problem)
    assert (problem.location, problem.reason) == (f"{path}:1", shown)


@pytest.mark.parametrize(
    ("times", "shown"),
    [
        ({"start": 1, "end": 4}, "its segment is from 1 s to 4 s, the file ends at 0.60 s"),
        ({"offset": 0.7}, "its segment is from 0.7 s, the file ends at 0.60 s"),
        ({"duration": 2.86}, "its duration is 2.86 s in the list, the file has 0.60 s"),
        ({"duration": 600}, "its duration is 600 s in the list, the file has 0.60 s"),
    ],
)  # fmt: skip
def test_times_that_are_not_those_of_the_file(tmp_path: Path, times: dict[str, object], shown: str) -> None:
    (tmp_path / "a.wav").write_bytes(wav())
    (clip,) = good(manifest(tmp_path / "m.jsonl", [{"audio": "a.wav", "text": "x", **times}]))
    with pytest.raises(OvwError, match=re.escape(f"{clip.location}: {shown}")):
        read_clip(clip)


@pytest.mark.parametrize("times", [{"duration": 1.5}, {"duration": -1}, {"duration": "x"}, {"offset": None}])
def test_durations_that_do_no_harm(tmp_path: Path, times: dict[str, object]) -> None:
    (tmp_path / "a.wav").write_bytes(wav())
    (clip,) = good(manifest(tmp_path / "m.jsonl", [{"audio": "a.wav", "text": "x", **times}]))
    assert (clip.id, len(read_clip(clip).samples)) == ("a", 9600)


@pytest.mark.parametrize(("ending", "delimiter"), [("csv", ","), ("tsv", "\t")])
def test_tables(tmp_path: Path, ending: str, delimiter: str) -> None:
    path = tmp_path / f"m.{ending}"
    with path.open("w", encoding="utf-8-sig", newline="") as stream:
        writer = csv.writer(stream, delimiter=delimiter)
        writer.writerows([["path", "sentence", "client_id"], ["x/a.mp3", "One two", "s1"], ["b.mp3", "three"]])
    first, second = items(path)
    assert isinstance(first, Utterance)
    assert (first.id, first.location, first.speaker) == ("x/a", str(tmp_path / "x" / "a.mp3"), "s1")
    assert isinstance(second, Problem)
    assert second.id == f"{path}:3"


def test_manifest_refusals(tmp_path: Path) -> None:
    wrong = manifest(tmp_path / "wrong.jsonl", [{"audio": "a.wav", "txt": "x"}])
    with pytest.raises(UsageError, match=r"no column for the reference.*audio, txt.*rename 'txt' to 'text'"):
        items(wrong)
    with pytest.raises(UsageError, match="lists no clips"):
        items(manifest(tmp_path / "empty.jsonl", [""]))
    with pytest.raises(UsageError, match="no manifest"):
        items(tmp_path / "none.jsonl")
    (tmp_path / "binary.jsonl").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(OvwError, match="cannot be read"):
        items(tmp_path / "binary.jsonl")
    with pytest.raises(UsageError, match="did you mean 'librispeech'"):
        items("libripseech")
    with pytest.raises(UsageError, match="not a dataset of the Hub"):
        items("hf:librispeech")


@pytest.mark.parametrize(
    ("name", "text", "shown"),
    [
        ("m.csv", "audio;text\na.wav;x\n", "';' separates the columns: a .csv has commas, a .tsv tabs"),
        ("m.csv", "audio\ttext\na.wav\tx\n", "separates the columns"),
        ("m.tsv", "audio,text\na.wav,x\n", "',' separates the columns"),
        ("m.tsv", '"audio"\t"text"\n"a.wav"\t"x"\n', "the columns stand in quotes"),
        ("m.json", '[{"audio": "a.wav", "text": "x"}]', "one JSON value .*one object a line"),
        ("m.json", '[\n  {"audio": "a.wav", "text": "x"}\n]', "one JSON value"),
        ("m.json", '{\n  "clips": []\n}', "one JSON value"),
    ],
)  # fmt: skip
def test_lists_of_another_form(tmp_path: Path, name: str, text: str, shown: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=shown):
        items(tmp_path / name)


def test_capital_letters_in_a_header(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("Path, Transcript ,LANGUAGE,text,Text\na.wav,x,EN,small,capital\n")
    (clip,) = good(tmp_path / "m.csv")
    assert (clip.id, clip.reference, clip.language) == ("a", "small", "en")


def test_clips_that_cannot_be_read(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """One of them ends neither a calibration nor a benchmark."""
    (tmp_path / "a.wav").write_bytes(wav())
    (tmp_path / "b.wav").write_bytes(b"RIFF")
    rows = [{"audio": f"{name}.wav", "text": "x", "duration": 0.6} for name in "ab"]
    path = str(manifest(tmp_path / "m.jsonl", rows))
    speech = read_speech(DatasetOptions(dataset=path), 2, texts=True)
    assert [u.id for u in speech.utterances] == ["a"]
    clips = prepare_clips(build(BenchConfig, {"dataset": path}), tmp_path)
    assert [clip.id for clip in clips.clips] == ["a"]
    assert clips.description["problems"] == 1
    assert len(caplog.messages) == 2
    assert all(message.startswith("b is not used: ") for message in caplog.messages)
