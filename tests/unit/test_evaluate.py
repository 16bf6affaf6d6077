"""A run from clips to record: kept across interruptions, compared, reported."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.speech_files import manifest, wav

from ovw.config import build, resolve
from ovw.datasets.utterance import Problem, Utterance
from ovw.engines.registry import EngineSpec
from ovw.errors import OvwError, UsageError
from ovw.evaluate.config import EvalConfig
from ovw.evaluate.journal import HypothesisJournal
from ovw.evaluate.leaderboard import write_leaderboard
from ovw.evaluate.matrix import MatrixConfig, cells, evaluate_matrix, on_front
from ovw.evaluate.request import request_of
from ovw.evaluate.score import BootstrapOptions, compare_with, length_class, metrics, score, tables, worst
from ovw.evaluate.terminal import diff
from ovw.evaluate.transcription import Done, EvalObserver, run
from ovw.record import Case, Metric, new_record, write_record
from ovw.record_tables import number
from ovw.report.eval_tables import diff_markdown
from ovw.scale.work import Here
from ovw.scoring.counts import Pair, align
from ovw.scoring.hypothesis import Hypothesis, parse, read_hypotheses

REQUEST = {"dataset": "x", "beam_size": 1}


def heard(key: str, reference: str, hypothesis: str, **fields: object) -> Hypothesis:
    return replace(
        Hypothesis(key, f"{key}.wav", 4.0, "en", reference, hypothesis, seconds=1.0, temperature=0.0), **fields
    )


def utterances(n: int) -> list[Utterance]:
    return [Utterance(f"u{i}", b"", f"u{i}.wav", f"word number {i}", "en") for i in range(n)]


class Echo:
    """Repeats the reference; `bad` clips cannot be read."""

    group = 1

    def __init__(self, *bad: str) -> None:
        self.bad, self.calls = bad, 0

    def load(self):
        return lambda group: [self.work(utterance) for utterance in group]

    def work(self, utterance: Utterance):
        self.calls += 1
        if utterance.id in self.bad:
            return Problem(utterance.id, utterance.location, "cannot be read")
        return Done(heard(utterance.id, utterance.reference, utterance.reference), {"engine": "echo"})


def test_a_line_and_back() -> None:
    line = heard("a", "Ä", "b", speaker="7").to_json()
    assert list(json.loads(line))[:6] == ["id", "audio", "duration_s", "language", "reference", "hypothesis"]
    assert parse(line) == heard("a", "Ä", "b", speaker="7")
    assert parse('{"id": "a", "reference": "x", "hypothesis": "y", "other": 1}').audio == ""
    for wrong in ("[]", '{"id": "a"}', "{"):
        with pytest.raises(ValueError, match=r"."):
            parse(wrong)


def test_read_hypotheses_names_the_line(tmp_path: Path) -> None:
    path = manifest(tmp_path / "h.jsonl", [json.loads(heard("a", "x", "y").to_json()), {"id": 3}])
    with pytest.raises(OvwError, match=r"h\.jsonl:2 is no hypothesis"):
        read_hypotheses(path)
    with pytest.raises(OvwError, match="No such file"):
        read_hypotheses(tmp_path / "none.jsonl")


def test_journal_goes_on_after_a_torn_line(tmp_path: Path) -> None:
    with HypothesisJournal(tmp_path / "run", REQUEST) as journal:
        for key in "ab":
            journal.add(heard(key, "x", "é"))
        journal.add(heard("a", "x", "another"))
    with journal.path.open("ab") as stream:
        stream.write(heard("c", "x", "é").to_json().encode()[:-9])
    with HypothesisJournal(tmp_path / "run", REQUEST) as journal:
        assert list(journal.done) == ["a", "b"]
        journal.add(heard("c", "x", "y"))
        assert [h.id for h in journal.finish(["c", "a", "d", "b"])] == ["c", "a", "b"]
    assert [h.id for h in read_hypotheses(journal.path)] == ["c", "a", "b"]
    assert read_hypotheses(journal.path)[1].hypothesis == "é"


def test_journal_keeps_runs_apart(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with HypothesisJournal(folder, REQUEST) as journal:
        journal.add(heard("a", "x", "y"))
        with pytest.raises(OvwError, match="another run is writing"):
            HypothesisJournal(folder, REQUEST)
    with pytest.raises(OvwError, match=r"another run: beam_size 1 there, 5 now.*--force"):
        HypothesisJournal(folder, REQUEST | {"beam_size": 5})
    with HypothesisJournal(folder, REQUEST | {"beam_size": 5}, force=True) as journal:
        assert journal.done == {}
    with HypothesisJournal(tmp_path / "nothing", REQUEST):
        pass
    with HypothesisJournal(tmp_path / "nothing", REQUEST | {"beam_size": 5}) as journal:
        assert not journal.done
    (tmp_path / "file").write_text("")
    with pytest.raises(OvwError, match="cannot write to"):
        HypothesisJournal(tmp_path / "file", REQUEST)


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("name", ["hypotheses.jsonl", "record.json", "report.md", "request.json", "engine.json"])
def test_files_of_others_stay(tmp_path: Path, name: str, force: bool) -> None:
    (tmp_path / name).write_text('{"mine": 1}\n')
    with pytest.raises(OvwError, match=f"{name} of something else"):
        HypothesisJournal(tmp_path, REQUEST, force=force)
    assert (tmp_path / name).read_text() == '{"mine": 1}\n'


def test_a_matrix_leaves_files_of_others(tmp_path: Path) -> None:
    (tmp_path / "table.md").write_text("mine")
    matrix = MatrixConfig(models=("none",), datasets=({"dataset": "bundled"},), output=str(tmp_path))
    with pytest.raises(OvwError, match=r"table\.md of something else"):
        evaluate_matrix(matrix, {"force": True})
    record = new_record("eval", matrix.model_dump(mode="json"))
    write_record(record, tmp_path / "record.json")
    with pytest.raises(UsageError, match="no artifact 'none'"):  # it is ours now, and goes on
        evaluate_matrix(matrix, {})


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b"\xff", "can't decode"), (b"", "Expecting value"), (b"[" * 5000, "nested more than"),
        (b'{"id": "\\ud800", "reference": "", "hypothesis": ""}', "surrogate"),
        (b'{"id": "a", "reference": "", "hypothesis": "", "duration_s": "x"}', "duration_s is 'x', expected float"),
    ],
)  # fmt: skip
def test_one_bad_line_loses_nothing(tmp_path: Path, line: bytes, told: str) -> None:
    with HypothesisJournal(tmp_path, REQUEST) as journal:
        for key in "abcdef":
            journal.add(heard(key, "x", "y"))
    lines = journal.path.read_bytes().splitlines()
    lines[2] = line
    damaged = b"\n".join(lines) + b"\n" + b'{"id": "torn'
    journal.path.write_bytes(damaged)
    with pytest.raises(OvwError, match=rf"hypotheses\.jsonl:3 is damaged: .*{told}"):
        HypothesisJournal(tmp_path, REQUEST)
    assert journal.path.read_bytes() == (tmp_path / "hypotheses.damaged.jsonl").read_bytes() == damaged
    journal.path.write_bytes(b"\n".join(lines[:2] + lines[3:]) + b"\n")
    with HypothesisJournal(tmp_path, REQUEST) as journal:
        assert list(journal.done) == ["a", "b", "d", "e", "f"]


def test_problems_are_named_and_counted(tmp_path: Path) -> None:
    items = [*utterances(3), Problem("p", "m.jsonl:4", "not JSON"), replace(utterances(5)[4], reference=" ")]
    seen: list[Problem] = []
    with HypothesisJournal(tmp_path / "run", REQUEST) as journal:
        done, problems = run(items, Echo("u1"), Here(), journal, observer=EvalObserver(on_problem=seen.append))
    assert [h.id for h in done] == ["u0", "u2"]
    assert {p.id: p.reason for p in problems} == {
        "u1": "cannot be read",
        "p": "not JSON",
        "u4": "the reference is empty",
    }
    assert seen == problems
    with HypothesisJournal(tmp_path / "run", REQUEST) as journal:
        again = Echo()
        done, problems = run(items, again, Here(), journal)
        assert (again.calls, len(done), len(problems)) == (1, 3, 2)  # the clip that failed was tried again
    for item in items[3:]:
        with HypothesisJournal(tmp_path / "strict", REQUEST) as journal, pytest.raises(OvwError, match="goes on"):
            run([item], Echo(), Here(), journal, strict=True)


SCRIPT = """
    import sys, time
    from pathlib import Path
    sys.path.insert(0, {tests!r})
    from test_evaluate import REQUEST, Echo, utterances
    from ovw.evaluate.journal import HypothesisJournal
    from ovw.evaluate.transcription import run
    from ovw.scale.work import Here

    class Slow(Echo):
        def work(self, utterance):
            time.sleep(0.02)
            return super().work(utterance)

    with HypothesisJournal(Path({folder!r}), REQUEST) as journal:
        run(utterances(40), Slow(), Here(), journal)
"""


def lines_of(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_killed_five_times_and_taken_up(tmp_path: Path) -> None:
    code = textwrap.dedent(SCRIPT.format(tests=str(Path(__file__).parent), folder=str(tmp_path / "run")))
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    path = tmp_path / "run" / "hypotheses.jsonl"
    for _ in range(5):
        before = lines_of(path)
        process = subprocess.Popen([sys.executable, "-c", code], env=environment)
        while lines_of(path) < before + 3 and process.poll() is None:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert 15 <= lines_of(path) < 40
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    with HypothesisJournal(tmp_path / "whole", REQUEST) as journal:
        whole, _ = run(utterances(40), Echo(), Here(), journal)
    assert read_hypotheses(path) == whole


def test_figures() -> None:
    hypotheses = [
        heard("b", "THE CAT SAT ON THE MAT", "the cat sat on a mat", speaker="1"),
        heard("a", "HELLO DEAR WORLD", "hello", temperature=0.4, duration_s=12.0, speaker="2"),
        heard("c", "今天 天气", "今天天汽", language="zh"),
        heard("d", "(noise)", "you"),
    ]
    scored = score(hypotheses)
    found = metrics(scored, BootstrapOptions(draws=200))
    assert found["wer"].value == pytest.approx(100 * 3 / 9, abs=1e-4)
    assert (found["words"].value, found["substitutions"].value, found["deletions"].value) == (9, 1, 2)
    assert found["cer"].value == pytest.approx(25.0)
    assert found["cer"].ci95 is None
    assert found["utterances"].value == 3
    assert found["rtf"].value == pytest.approx(3 / 20)
    assert found["fallback_rate"].value == pytest.approx(100 / 3, abs=1e-3)
    assert metrics(score(hypotheses[::-1]), BootstrapOptions(draws=200)) == found
    made = tables(scored, BootstrapOptions(draws=200))
    assert [(r["length"], r["metric"], r["utterances"]) for r in made["length"]] == [
        ("up to 5 s", "wer", 1), ("10 to 20 s", "wer", 1), ("up to 5 s", "cer", 1),
    ]  # fmt: skip
    assert {r["speaker"] for r in made["speaker"]} == {"1", "2", ""}
    assert {r["language"] for r in made["language"]} == {"en", "zh"}
    assert [(b.hypothesis.id, b.errors) for b in worst(scored, 2)] == [("a", 2), ("c", 1)]


def test_a_rate_is_rounded_once() -> None:
    clips = [heard(str(i), "good", "bad" if i < 48 else "good") for i in range(798)]
    found = metrics(score(clips), BootstrapOptions(draws=10))["wer"]
    assert found.value == 100 * 48 / 798
    assert number(found.value) == "6.02"


def test_intervals_over_speakers() -> None:
    rng = np.random.default_rng(0)
    texts = [" ".join("good" if rng.random() > 0.1 + 0.4 * (i // 20) else "bad" for _ in range(20)) for i in range(40)]
    hypotheses = [heard(f"{i:02}", "good " * 20, text, speaker=str(i // 10)) for i, text in enumerate(texts)]
    low, high = metrics(score(hypotheses), BootstrapOptions("speaker"))["wer"].ci95 or (0, 0)
    narrow = metrics(score(hypotheses), BootstrapOptions("utterance"))["wer"].ci95 or (0, 0)
    assert high - low > narrow[1] - narrow[0]


def test_compared_on_the_clips_both_have() -> None:
    mine = [heard(str(i), "one good day", "one good day" if i else "one bad day") for i in range(6)]
    theirs = [heard(str(i), "one good day", "one good") for i in range(3)]
    found = compare_with(score(mine), score(theirs), BootstrapOptions(draws=300))["wer"]
    assert found.utterances == 3
    assert found.delta == pytest.approx(100 * (1 - 3) / 9, abs=1e-3)
    assert (found.better, found.worse, found.equal) == (2, 0, 1)
    assert compare_with(score(mine), score([heard("other", "x", "x")]), BootstrapOptions()) == {}


@pytest.mark.parametrize(("seconds", "place"), [(0.0, 0), (5.0, 0), (5.1, 1), (30.0, 3), (31.0, 4)])
def test_length_classes(seconds: float, place: int) -> None:
    assert length_class(seconds) == place


def test_diffs() -> None:
    steps = align(Pair("the <old> cat sat", "the cat sat & slept", "de"))
    assert diff_markdown(steps) == "the cat sat **slept**"
    steps = align(Pair("a cat sat", "a hat sat", "de"))
    assert diff_markdown(steps) == "a ~~cat~~ **hat** sat"
    assert diff(steps, colour=False).plain == "a [-cat-] {+hat+} sat"
    assert diff(steps, colour=True).plain == "a cat hat sat"


def test_front() -> None:
    def case(wer: float, speed: float, clips: str = "x") -> Case:
        figures = {"wer": Metric(value=wer, unit="%"), "speed": Metric(value=speed, unit="x")}
        return Case(name="c", facts={"dataset": {"fingerprint": clips}}, metrics=figures)

    cases = [case(5, 10), case(6, 20), case(6, 15), case(4, 1, "y"), case(7, 20)]
    assert [on_front(c, cases) for c in cases] == [True, True, False, True, False]


def test_matrix_cells() -> None:
    values = {
        "models": ["m1", "m2"],
        "datasets": [{"dataset": "librispeech", "split": "test-other"}],
        "options": [{"beam_size": 1}, {"beam_size": 5}],
        "defaults": {"limit": 7},
    }
    made = cells(build(MatrixConfig, values), {"limit": None, "seed": 3, "dataset": "matrix.yaml"})
    assert [cell.name for cell in made] == [
        f"{m} librispeech test-other beam_size={b}" for m in ("m1", "m2") for b in (1, 5)
    ]
    assert {(c.config.limit, c.config.seed, c.config.dataset) for c in made} == {(7, 3, "librispeech")}
    assert len({c.config.output for c in made}) == 4
    with pytest.raises(UsageError, match="did you mean 'beam_size'"):
        cells(build(MatrixConfig, values | {"options": [{"beam_siz": 1}]}), {})


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
    from ovw.engines.registry import EngineSpec
    from ovw.evaluate.transcription import TranscribeClips
    from ovw.transcribe.options import TranscribeOptions

    class Silent:
        def transcribe(self, samples: np.ndarray, options: TranscribeOptions):
            raise RuntimeError("first line\nno memory")

        def describe(self) -> dict:
            return {}

    task = TranscribeClips(EngineSpec("openvino", tmp_path), TranscribeOptions())
    (tmp_path / "a.wav").write_text("no media")
    (outcome,) = task.transcribe(Silent(), [Utterance("a", tmp_path / "a.wav", str(tmp_path / "a.wav"), "x")])
    assert isinstance(outcome, Problem)
    (outcome,) = task.transcribe(Silent(), [Utterance("a", wav(), "a.wav", "x")])
    assert isinstance(outcome, Problem)
    assert outcome.reason == "no memory"


def test_clips_go_to_the_engine_together(tmp_path: Path) -> None:
    """By language; one that cannot be read, or that the engine stumbles over, is its own problem."""
    from ovw.engines.base import Engine, EngineResult
    from ovw.engines.registry import EngineSpec
    from ovw.evaluate.transcription import TranscribeClips
    from ovw.transcribe.options import TranscribeOptions

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


def test_the_most_frequent_errors() -> None:
    scored = score(
        [
            heard("a", "the cat sat", "a cat"),
            heard("b", "the dog sat down", "a dog sat down now"),
            heard("c", "", "nothing counts here"),
            heard("d", "今天", "今日", language="zh"),
        ]
    )
    rows = [tuple(row.values()) for row in tables(scored, BootstrapOptions(draws=100))["confusions"]]
    assert rows == [
        ("wer", "substitute", "the", "a", 2),
        ("wer", "delete", "sat", "", 1),
        ("wer", "insert", "", "now", 1),
        ("cer", "substitute", "天", "日", 1),
    ]
    many = score([heard(f"{i}", f"ba{chr(97 + i)}o", f"du{chr(97 + i)}o") for i in range(20)])
    assert len(tables(many, BootstrapOptions(draws=100))["confusions"]) == 10


def test_the_manifest_of_the_leaderboard(tmp_path: Path) -> None:
    results = [heard("a", "Ä, b.", " Raw text!"), heard("b", "x", "y", seconds=None)]
    path = write_leaderboard(results, "base-fp16", "librispeech test-clean", tmp_path)
    assert path == tmp_path / "leaderboard" / "MODEL_ovw-base-fp16_DATASET_librispeech_test-clean.jsonl"
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert lines[0] == {
        "audio_filepath": "a.wav", "duration": 4.0, "time": 1.0, "text": "Ä, b.", "pred_text": " Raw text!",
    }  # fmt: skip
    assert [list(line) for line in lines] == [["audio_filepath", "duration", "time", "text", "pred_text"]] * 2
    with HypothesisJournal(tmp_path, REQUEST):  # a run with another request leaves no results of this one
        assert not path.exists()


def test_the_format_is_no_part_of_the_request(tmp_path: Path) -> None:
    config = build(EvalConfig, {"dataset": "bundled", "format": "leaderboard"})
    assert config.format == ("leaderboard",)
    spec = EngineSpec("openvino", tmp_path, config.running(), exact=False)
    assert "format" not in request_of(config, spec, "0")
    with pytest.raises(UsageError, match=r"--format 'csv': should be 'leaderboard'"):
        resolve(EvalConfig, {"dataset": "bundled", "format": ["csv"]})
