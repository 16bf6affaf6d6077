"""A run from clips to record: problems, configurations, batches, exports, references."""

import json
import os
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.hypotheses import REQUEST, Echo, hypothesis_of, utterances
from support.speech_files import manifest, wav

from ovw.config import build, resolve
from ovw.datasets.audio import Clip, read_clip
from ovw.datasets.resolve import DatasetOptions, open_dataset
from ovw.datasets.utterance import Problem, Utterance
from ovw.engines.base import Engine, EngineResult
from ovw.engines.registry import EngineSpec
from ovw.errors import OvwError, UsageError
from ovw.evaluate import transcription
from ovw.evaluate.config import EvalConfig
from ovw.evaluate.extra_metrics import silence_metrics
from ovw.evaluate.journal import HypothesisJournal
from ovw.evaluate.languages import assumed_language, list_languages, warn_of_languages
from ovw.evaluate.leaderboard import write_leaderboard
from ovw.evaluate.matrix import MatrixConfig, cells
from ovw.evaluate.reference import find_reference, on_same_clips
from ovw.evaluate.request import request_of
from ovw.evaluate.score import score
from ovw.evaluate.transcription import EvalObserver, TranscribeClips, run
from ovw.record import new_record, read_record, write_record
from ovw.scale.task import InProcessPool, Lost
from ovw.transcribe.options import TranscribeOptions


def test_problems_are_named_and_counted(tmp_path: Path) -> None:
    items = [*utterances(3), Problem("p", "m.jsonl:4", "not JSON"), replace(utterances(5)[4], reference=" ")]
    seen: list[Problem] = []
    with HypothesisJournal(tmp_path / "run", REQUEST) as journal:
        done, problems = run(items, Echo("u1"), InProcessPool(), journal, observer=EvalObserver(on_problem=seen.append))
    assert [h.id for h in done] == ["u0", "u2"]
    assert {p.id: p.reason for p in problems} == {
        "u1": "cannot be read",
        "p": "not JSON",
        "u4": "the reference is empty",
    }
    assert seen == problems
    with HypothesisJournal(tmp_path / "run", REQUEST) as journal:
        again = Echo()
        done, problems = run(items, again, InProcessPool(), journal)
        assert (again.seen, len(done), len(problems)) == (["u1"], 3, 2)  # the clip that failed was tried again
    for item in items[3:]:
        with HypothesisJournal(tmp_path / "strict", REQUEST) as journal, pytest.raises(OvwError, match="goes on"):
            run([item], Echo(), InProcessPool(), journal, strict=True)


def test_clips_without_words_are_transcribed_where_silence_is_scored(tmp_path: Path) -> None:
    items = [replace(item, reference=text) for item, text in zip(utterances(3), ("", " ", "words"), strict=True)]
    with HypothesisJournal(tmp_path / "run", REQUEST) as journal:
        done, problems = run(items, Echo(), InProcessPool(), journal, strict=True, silence=True)
    assert ([h.reference.strip() for h in done], problems) == (["", "", "words"], [])
    assert silence_metrics(score(done))["silence_clips"].value == 2


def test_languages_that_whisper_does_not_know(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    names = ("klingon", "en", "klingon", None)
    rows = [{"audio": f"{i}.wav", "text": "x", "language": name} for i, name in enumerate(names)]
    options = DatasetOptions(dataset=str(manifest(tmp_path / "m.jsonl", rows)))
    listed = list_languages(options, open_dataset(options))
    assert listed == {"klingon": 2, "en": 1, None: 1}
    warn_of_languages(listed)
    rules = "scored by the basic rules; --language sets it"
    assert [record.getMessage() for record in caplog.records] == [
        f"2 clips have the language 'klingon', which Whisper does not know: {rules}",
        f"1 clip has no language: {rules}",
    ]
    assert list_languages(options, open_dataset(options), "en") == {"klingon": 2, "en": 2}
    assert assumed_language(EvalConfig(dataset="x"), ["en"]) == "en"
    assert assumed_language(EvalConfig(dataset="x"), ["en", "zh"]) is None
    assert assumed_language(EvalConfig(dataset="x", language="de"), ["en"]) is None
    assert EvalConfig(dataset="x").scores_languages
    assert not EvalConfig(dataset="x", language="en").scores_languages
    assert not EvalConfig(dataset="x", task="translate").scores_languages


def test_ready_configurations() -> None:
    folder = Path(__file__).parents[2] / "configs" / "eval"
    assert resolve(EvalConfig, {}, folder / "sample.yaml").limit == 200
    assert len(cells(resolve(MatrixConfig, {}, folder / "matrix.yaml"), {})) == 4


def test_config() -> None:
    config = build(EvalConfig, {"dataset": "librispeech", "languages": "de,fr", "exact": True})
    assert (config.beam_size, config.languages, config.running().precision) == (1, ("de", "fr"), "f32")
    assert config.decoding().beam_size == 1
    assert config.speech().dataset == "librispeech"
    with pytest.raises(UsageError, match="contradict"):
        build(EvalConfig, {"dataset": "x", "language": "en", "detect_language": True})


def test_manifest_clip_that_is_no_media(tmp_path: Path) -> None:

    class Silent:
        message = "first line\nno memory"

        def transcribe(self, samples: np.ndarray, options: TranscribeOptions):
            raise RuntimeError(self.message)

        def describe(self) -> dict:
            return {}

    task = TranscribeClips(EngineSpec("openvino", tmp_path), TranscribeOptions())
    (tmp_path / "a.wav").write_text("no media")
    (outcome,) = task.transcribe(Silent(), [Utterance("a", tmp_path / "a.wav", str(tmp_path / "a.wav"), "x")])
    assert isinstance(outcome, Problem)
    (outcome,) = task.transcribe(Silent(), [Utterance("a", wav(), "a.wav", "x")])
    assert isinstance(outcome, Problem)
    assert outcome.reason == "no memory"
    Silent.message = ""
    (outcome,) = task.transcribe(Silent(), [Utterance("a", wav(), "a.wav", "x")])
    assert getattr(outcome, "reason", None) == "RuntimeError"


@pytest.mark.faulty_batches
def test_clips_go_to_the_engine_together(tmp_path: Path) -> None:
    """By language; one that cannot be read, or that the engine stumbles over, is its own problem."""

    class Together(Engine):
        calls: list[tuple[int, str | None]] = []  # noqa: RUF012, of this test alone

        def transcribe(self, samples: np.ndarray, options: TranscribeOptions) -> EngineResult:
            if len(samples) < 1000:
                raise RuntimeError("too short")
            return EngineResult("alone")

        def transcribe_many(self, clips: list, options: TranscribeOptions) -> list[EngineResult]:
            self.calls.append((len(clips), options.language))
            if any(len(samples) < 1000 for samples in clips):
                raise RuntimeError("one of them is too short")
            return [EngineResult("together") for _ in clips]

    task = TranscribeClips(EngineSpec("openvino", tmp_path), TranscribeOptions(batch_size=2))
    assert task.group > 2
    (tmp_path / "no.wav").write_text("no media")
    clips = [
        Utterance("a", wav(), "a.wav", "x", "en"),
        Utterance("b", tmp_path / "no.wav", "no.wav", "x", "en"),
        Utterance("c", wav(), "c.wav", "x", "de"),
        Utterance("d", wav(), "d.wav", "x", "en"),
    ]
    found = task.transcribe(Together(), clips)
    assert [o.reason if isinstance(o, Problem) else o.hypothesis for o in found][0::2] == ["together", "together"]
    assert isinstance(found[1], Problem)
    assert Together.calls == [(2, "en"), (1, "de")]
    short = Utterance("e", wav(seconds=0.03), "e.wav", "x", "en")
    found = task.transcribe(Together(), [clips[0], short])
    assert [o.reason if isinstance(o, Problem) else o.hypothesis for o in found] == ["alone", "too short"]


@pytest.mark.faulty_batches
def test_any_error_is_that_of_one_clip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Of reading it, of decoding it beside others or alone."""

    class Exhausted(Engine):
        def transcribe(self, samples: np.ndarray, options: TranscribeOptions) -> EngineResult:
            if len(samples) < 1000:
                raise MemoryError("unable to allocate 2 GB")
            return EngineResult("alone")

        def transcribe_many(self, clips: list, options: TranscribeOptions) -> list[EngineResult]:
            raise MemoryError("unable to allocate 9 GB")

    def reading(utterance: Utterance) -> Clip:
        if utterance.id == "odd":
            raise LookupError("nowhere")
        return read_clip(utterance)

    monkeypatch.setattr(transcription, "read_clip", reading)
    task = TranscribeClips(EngineSpec("openvino", tmp_path), TranscribeOptions(batch_size=2))
    clips = [Utterance(key, wav(seconds=s), key, "x", "en") for key, s in (("a", 0.6), ("odd", 0.6), ("short", 0.03))]
    found = task.transcribe(Exhausted(), clips)
    expected = ["alone", "unexpected LookupError: nowhere", "unexpected MemoryError: unable to allocate 2 GB"]
    assert [o.reason if isinstance(o, Problem) else o.hypothesis for o in found] == expected
    fault = "2 recordings are decoded one by one, together they fail: unexpected MemoryError: unable to allocate 9 GB"
    assert caplog.messages == [fault]


def test_a_clip_that_kills_its_worker_costs_no_other(tmp_path: Path) -> None:
    class Deadly:
        """A pool whose workers die at clip `u3`."""

        def __init__(self) -> None:
            self.groups: list[list[str]] = []

        def run(self, task: Echo, items: Iterable[list[Utterance]]) -> Iterator[object]:
            for group in items:
                self.groups.append([clip.id for clip in group])
                yield Lost(group, "3 workers died at it") if "u3" in self.groups[-1] else task.load()(group)

    echo, pool = Echo(), Deadly()
    echo.group = 4
    with HypothesisJournal(tmp_path, REQUEST) as journal:
        done, problems = run(utterances(6), echo, pool, journal)
    assert [h.id for h in done] == ["u0", "u1", "u2", "u4", "u5"]
    assert [(p.id, p.reason) for p in problems] == [("u3", "3 workers died at it")]
    assert pool.groups == [["u0", "u1", "u2", "u3"], ["u4", "u5"], ["u0"], ["u1"], ["u2"], ["u3"]]


def test_the_manifest_of_the_leaderboard(tmp_path: Path) -> None:
    results = [hypothesis_of("a", "Ä, b.", " Raw text!"), hypothesis_of("b", "x", "y", seconds=None)]
    path = write_leaderboard(results, "base-fp16", "librispeech test-clean", tmp_path)
    assert path == tmp_path / "leaderboard" / "MODEL_ovw-base-fp16_DATASET_librispeech_test-clean.jsonl"
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert lines[0] == {
        "audio_filepath": "a.wav", "duration": 4.0, "time": 1.0, "text": "Ä, b.", "pred_text": " Raw text!",
    }  # fmt: skip
    assert [list(line) for line in lines] == [["audio_filepath", "duration", "time", "text", "pred_text"]] * 2
    with HypothesisJournal(tmp_path, REQUEST):  # a run with another request leaves no results of this one
        assert not path.exists()


def test_a_request_names_its_files_and_its_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two lists of one name in different folders are different requests, and so are two machines."""
    requests = []
    for folder in ("one", "other"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "clips.jsonl").touch()
        monkeypatch.chdir(tmp_path / folder)
        config = build(EvalConfig, {"dataset": "clips.jsonl", "data": "librispeech"})
        requests.append(request_of(config, EngineSpec("openvino", tmp_path, config.running()), "0"))
    assert [request["dataset"] for request in requests] == [
        str(tmp_path / folder / "clips.jsonl") for folder in ("one", "other")
    ]
    assert requests[0]["data"] == "librispeech"
    assert {"cpu", "ovw", "openvino"} <= requests[0].keys()
    assert "torch" not in requests[0]


@pytest.mark.skipif(sys.platform != "linux", reason="names are UTF-8 there")
def test_a_folder_whose_name_is_not_utf_8(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"a\xff")
    folder.mkdir()
    config = build(EvalConfig, {"dataset": str(folder)})
    request = request_of(config, EngineSpec("openvino", tmp_path, config.running()), "0")
    assert request["dataset"] == str(tmp_path / r"a\udcff")
    for _ in range(2):
        with HypothesisJournal(folder / "run", request) as journal:
            run([replace(utterances(1)[0], location=f"{folder}/u0.wav")], Echo(), InProcessPool(), journal)
    record = new_record("eval", config.model_dump(mode="json"), facts={"problems": {"listed": [{"id": str(folder)}]}})
    write_record(record, folder / "record.json")
    assert read_record(folder / "record.json").config["dataset"] == request["dataset"]


def test_seconds_count_reading_in_a_batch_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Together:
        def transcribe_many(self, samples: list[np.ndarray], options: TranscribeOptions) -> list[EngineResult]:
            return [EngineResult("x")] * len(samples)

    def slowly(utterance: Utterance) -> Clip:
        time.sleep(0.2)
        return read_clip(utterance)

    monkeypatch.setattr(transcription, "read_clip", slowly)
    task = TranscribeClips(EngineSpec("openvino", tmp_path), TranscribeOptions(batch_size=2))
    found = task.transcribe(Together(), [Utterance(key, wav(), f"{key}.wav", "x", "en") for key in "ab"])
    assert all(one.seconds >= 0.2 for one in found)


def test_a_reference_is_scored_by_the_texts_of_the_run(caplog: pytest.LogCaptureFixture) -> None:
    """It may have none, or be written by another program that names no language."""
    ours = [hypothesis_of(key, "Mister Smith doesn't", "x", audio_sha256=key) for key in "abc"]
    theirs = [
        hypothesis_of("a", "", "Mr. Smith does not", language=None),
        hypothesis_of("b", "another text", "x", audio_sha256="another sound"),
        hypothesis_of("z", "x", "x"),
    ]
    (found,) = on_same_clips(theirs, ours)
    assert (found.reference, found.language) == ("Mister Smith doesn't", "en")
    assert score([found]).counts.errors.tolist() == [0]
    assert "1 of the 3 clips" in caplog.text
    with pytest.raises(OvwError, match="none that both have"):
        on_same_clips(theirs[1:], ours)


def test_a_reference_without_hypotheses(tmp_path: Path) -> None:
    (tmp_path / "hypotheses.jsonl").touch()
    for place in (tmp_path, tmp_path / "hypotheses.jsonl"):
        config = build(EvalConfig, {"dataset": "bundled", "reference": str(place)})
        with pytest.raises(OvwError, match=r"hypotheses\.jsonl is empty"):
            find_reference(config, None, None)
    with pytest.raises(OvwError, match="no result of any clip"):
        on_same_clips([], [hypothesis_of("a", "x", "x")])


def test_the_format_is_no_part_of_the_request(tmp_path: Path) -> None:
    config = build(EvalConfig, {"dataset": "bundled", "format": "leaderboard"})
    assert config.format == ("leaderboard",)
    spec = EngineSpec("openvino", tmp_path, config.running(), exact=False)
    assert "format" not in request_of(config, spec, "0")
    with pytest.raises(UsageError, match=r"--format 'csv': should be 'leaderboard'"):
        resolve(EvalConfig, {"dataset": "bundled", "format": ["csv"]})
