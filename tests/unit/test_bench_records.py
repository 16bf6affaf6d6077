"""Configurations and records of a benchmark: rounds add up, and are taken up."""

import json
import shutil
from pathlib import Path

import pytest
from support.bench_rounds import metric, outcome, record, replace_config

from ovw.artifact.names import MANIFEST
from ovw.benchmark.case import CaseSpec
from ovw.benchmark.clips import ClipFile, Clips
from ovw.benchmark.config import BenchConfig
from ovw.benchmark.journal import RecordJournal, config_of
from ovw.benchmark.measuring.pace import Pace
from ovw.benchmark.plan import make_plan
from ovw.benchmark.results.derived import finish, note_slowed
from ovw.benchmark.results.result import add_layers, add_memory, add_round, hypothesis_rows, whole_rounds
from ovw.benchmark.scheduling import schedule
from ovw.benchmark.scheduling.jobs import clip_job, request_sha256
from ovw.cli.ensure import pytorch_file
from ovw.config import build, resolve
from ovw.convert.plan import Converted
from ovw.errors import OvwError, UsageError
from ovw.record import Case, Metric, has_failed, new_record, read_record
from ovw.report.bench_tables import detail_rows, markdown, note_of, overview_rows, problem_lines

ROOT = Path(__file__).resolve().parents[2]


def test_rounds_add_up() -> None:
    def said(text: str) -> dict:
        return {"text": text, "tokens": 2, "clip": 0}

    first = outcome([{"stage": "encoder", "unit": "ms", "samples": [1.0, 2.0, 3.0]}, said("a"), {"facts": {"x": 1}}])
    second = outcome([{"stage": "encoder", "unit": "ms", "samples": [8.0]}, {"left_out": {"token_400": "no room"}}])
    case = add_round(add_round(Case(name="c"), [first]), [second])
    encoder = case.metrics["encoder"]
    assert (encoder.samples, encoder.rounds, encoder.value) == ((1.0, 2.0, 3.0, 8.0), (3, 1), 2.5)
    assert case.facts["rounds"] == 2
    assert case.facts["left_out"] == {"token_400": "no room"}
    assert (case.facts["tokens"], case.facts["x"], case.facts["noisy"]) == (2, 1, False)
    third = add_round(case, [outcome([said("b")], others=9.0)])
    assert third.facts["texts_differ"]
    assert not third.facts["noisy"]  # most rounds were not
    assert add_round(third, [outcome([], others=9.0)]).facts["noisy"]
    broken = add_round(case, [first, outcome([], "crashed", reason="SIGSEGV")])
    assert (broken.facts["status"], broken.facts["reason"]) == ("crashed", "SIGSEGV")
    ended = record(replace_config(broken))
    assert overview_rows(ended)[0]["note"] == "crashed"
    assert problem_lines(ended) == ["c: crashed: SIGSEGV"]
    assert detail_rows(case)[0]["n"] == 4


def test_settings_that_openvino_does_not_take_over_are_noted() -> None:
    spec = CaseSpec(name="c", model="m", stages=("encoder",), device={"streams": 2, "threads": 1})
    for streams, note in ((1, "streams: OpenVINO uses 1, not 2"), (2, "")):
        facts = {"encoder_streams": streams, "encoder_threads": 1, "encoder_requests": streams}
        assert note_of(Case(name="c", config=spec.axes(), facts=facts)) == note
    assert note_of(Case(name="c", config=CaseSpec(name="c", model="m", stages=()).axes(), facts=facts)) == ""


def test_stages_that_a_case_left_out_are_shown() -> None:
    own = "the runner uses the artifact's own graphs"
    left_out = {"token_400": "no room", "runner_encoder": own, "runner_token_0": own}
    made = record(replace_config(Case(name="c", facts={"left_out": left_out})), left_out={"d": "no time"})
    assert problem_lines(made) == [
        "left out: d: no time",
        "left out: c, token at cache 400: no room",
        f"left out: c, runner's encoder, runner's token at cache 0: {own}",
    ]
    assert "- left out: c, token at cache 400: no room" in markdown(made)


def test_whole_rounds_outlast_one_that_failed() -> None:
    def encoder(*samples: float) -> dict:
        return {"stage": "encoder", "unit": "ms", "samples": samples}

    text, other = ({"text": text, "tokens": 2, "clip": 0} for text in ("a", "b"))
    good = add_round(add_round(Case(name="c"), [outcome([encoder(1.0, 2.0), text])]), [outcome([encoder(3.0), text])])
    failed = add_round(good, [outcome([encoder(9.0), other], "crashed", others=9.0, reason="SIGSEGV")])
    assert whole_rounds(failed) == good
    assert add_round(whole_rounds(failed), [outcome([encoder(4.0)])]).metrics["encoder"].rounds == (2, 1, 1)
    assert whole_rounds(add_memory(good, outcome([], "out of memory", reason="killed"), None)) == good
    nothing = add_round(Case(name="c"), [outcome([encoder(1.0)], "hang", reason="no result")])
    assert whole_rounds(nothing) == Case(name="c")


def test_layers_that_fail_are_a_failure_behind_whole_rounds() -> None:
    good = add_round(Case(name="c"), [outcome([{"stage": "encoder", "unit": "ms", "samples": [1.0]}])])
    row = {"stage": "encoder", "layer": "n", "type": "MatMul", "kernel": "brgemm", "ms": 1.0, "percent": 100.0}
    results = [{"layers": [row]}, {"left_out": {"layers of runner_encoder": "no such graphs"}}]
    case, rows = add_layers(good, outcome(results))
    assert rows == [{"case": "c", **row}]
    assert (case.facts["status"], case.metrics) == ("done", good.metrics)
    shown = problem_lines(record(replace_config(case)))
    assert shown == ["left out: c, layers of runner's encoder: no such graphs"]
    failed, finished = add_layers(good, outcome(results, "hang", reason="no result for 600 s"))
    assert (finished, failed.facts["left_out"]) == (rows, case.facts["left_out"])
    assert problem_lines(record(replace_config(failed))) == ["c: hang: no result for 600 s"]
    assert whole_rounds(failed) == good


def test_layers_that_hang_are_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = CaseSpec(name="c", model="m", layout="genai", stages=("encoder",))
    config, problems = BenchConfig(layers=True), []
    journal = RecordJournal(config, tmp_path / "r.json", {})
    journal.put(Case(name="c", config=spec.axes(), facts={"status": "done", "rounds": 5}))
    hung = outcome([], "hang", reason="no result for 600 s")
    monkeypatch.setattr(schedule, "run_child", lambda *_, **__: hung)
    watch = schedule.BenchObserver(on_problem=problems.append)
    schedule.Bench(config, [spec], CLIPS, journal, {}, watch).profile_layers()
    assert problems == ["c, layers: hang: no result for 600 s"]
    assert has_failed(journal.cases["c"])
    assert journal.record.tables == {"layers": []}


def test_layers_of_whole_graphs_stay_until_they_are_timed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = CaseSpec(name="c", model="m", layout="genai", stages=("encoder",))
    config = BenchConfig(layers=True, rounds=1, memory=False, roofline=False)
    journal = RecordJournal(config, tmp_path / "r.json", {})
    others = {"case": "b", "stage": "encoder", "ms": 3.0}
    encoder, token = {"stage": "encoder", "ms": 2.0}, {"stage": "token", "ms": 1.0}
    facts = {"status": "done", "rounds": 1}
    metrics = {"encoder": metric([1.0])}
    journal.put(Case(name="c", config=spec.axes(), facts=facts, metrics=metrics))
    journal.update(tables={"layers": [others]})
    whole = [{"layers": [encoder]}, {"layers": [token]}]
    for ended in (outcome(whole[:1], "crashed", reason="SIGSEGV"), outcome(whole)):
        monkeypatch.setattr(schedule, "run_child", lambda *_, ended=ended, **__: ended)
        bench = schedule.Bench(config, [spec], CLIPS, journal, {}, schedule.BenchObserver())
        bench.round(0)
        bench.profile_layers()
        assert has_failed(journal.cases["c"]) == (ended.ending != "done")
        expected = [row for result in ended.results for row in result["layers"]]
        assert journal.record.tables["layers"] == [others, *({"case": "c", **row} for row in expected)]


CLIPS = Clips([ClipFile("a", Path("0.npy"), 1.0, "first", "ja"), ClipFile("b", Path("1.npy"), 1.0, "second")], {})


def peer_job(clips: Clips = CLIPS, **decoding: object) -> dict:
    spec = CaseSpec(name="c", engine="faster-whisper", model="m", stages=("pipeline",))
    return clip_job(build(BenchConfig, {"decoding": decoding}), spec, clips, 9.0)


@pytest.mark.parametrize("named", ["de", "german", "German", "de-AT", "de_DE"])
def test_a_language_by_any_name_is_one_request(named: str) -> None:
    job = peer_job(language=named)
    assert (job["language"], job["decoding"]["language"]) == ("de", "de")
    assert request_sha256(job, CLIPS) == request_sha256(peer_job(language="de"), CLIPS)


def test_engines_are_given_no_language_that_whisper_does_not_know() -> None:
    job = peer_job(Clips([ClipFile("a", Path("0.npy"), 1.0, "first", "klingon")], {}))
    assert (job["language"], job["decoding"]["language"]) == (None, None)


def test_languages_of_jobs_and_scores() -> None:
    one = Clips(CLIPS.clips[:1], {})
    found = [(job["language"], job["decoding"]["language"]) for job in (peer_job(one), peer_job(one, language="Auto"))]
    assert found == [("ja", "ja"), (None, "auto")]
    for decoding, languages in (
        ({}, ["ja", None]),
        ({"language": "auto"}, ["ja", None]),
        ({"language": "English"}, ["en", "en"]),
        ({"task": "translate"}, ["en", "en"]),
        ({"task": "translate", "language": "ja"}, ["en", "en"]),
    ):
        options = build(BenchConfig, {"decoding": decoding}).options()
        rows = hypothesis_rows("c", CLIPS.clips, {0: "x", 1: "y"}, options)
        assert [row["language"] for row in rows] == languages
        assert [row["reference"] for row in rows] == ["first", "second"]


@pytest.mark.parametrize(
    ("references", "rate", "unscored"),
    [(("...", ""), None, "2 of 2"), (("yes no", "..."), 50.0, "1 of 2"), (("yes no", "yes"), 33.3333, None)],
)
def test_clips_without_words_have_no_error_rate(
    tmp_path: Path, references: tuple[str, ...], rate: float | None, unscored: str | None
) -> None:
    config = BenchConfig(dataset="x.jsonl")
    journal = RecordJournal(config, tmp_path / "r.json", {})
    journal.put(Case(name="c", config=CaseSpec(name="c", model="m", stages=("pipeline",)).axes()))
    clips = [ClipFile(str(n), Path("0.npy"), 1.0, text, "en") for n, text in enumerate(references)]
    rows = hypothesis_rows("c", clips, {0: "yes", 1: "yes"}, config.options())
    journal.update(tables={"hypotheses": rows})
    finish(config, Clips(clips, {}), journal, {})
    (case,) = journal.record.cases
    assert (case.metrics["wer"].value if "wer" in case.metrics else None) == rate
    lines = (
        [f"left out: error rates of {unscored} clips: no words in the reference, once normalized"] if unscored else []
    )
    assert problem_lines(journal.record) == lines


def test_a_slow_or_throttled_machine_is_noted(tmp_path: Path) -> None:
    journal = RecordJournal(BenchConfig(), tmp_path / "r.json", {})
    fast, slow = Pace(2000.0, 9000.0), Pace(1900.0, 3600.0)
    for name, paces, throttled in (("a", [fast, fast], 0.0), ("b", [slow, fast], 0.4), ("c", [slow, slow], 0.0)):
        made = Case(name=name)
        for pace in paces:
            made = add_round(made, [outcome([], pace=pace, throttled=throttled)])
        journal.put(made)
    note_slowed(journal)
    a, b, c = journal.record.cases
    assert note_of(a) == ""
    assert "held it back 40% of the time" in note_of(b)
    assert "at 0.4 of its pace" in note_of(c)
    assert [c.facts["slowed"], journal.record.facts["pace"]] == [0.4, fast.describe()]
    journal.put(c.model_copy(update={"facts": c.facts | {"pace": [fast.describe()]}}))
    note_slowed(journal)
    assert "slowed" not in journal.cases["c"].facts


@pytest.mark.parametrize("path", sorted((ROOT / "configs" / "bench").glob("*.yaml")), ids=lambda path: path.stem)
def test_our_configurations(path: Path) -> None:
    resolve(BenchConfig, {}, path)


@pytest.mark.parametrize(
    ("values", "parts"),
    [
        ({"engines": ["fasterwhisper"]}, ["no engine 'fasterwhisper'", "did you mean 'faster-whisper'"]),
        ({"decoding": {"beam_size": 5}}, ["beam_size is an axis"]),
        ({"decoding": {"language": "germn"}}, ["unknown language 'germn'", "did you mean 'german'"]),
        ({"decoding": {"language": 5}}, ["language"]),
        ({"decoding": {"temprature": 0}}, ["did you mean 'temperature'"]),
        ({"limit": 3}, ["belong to a dataset"]),
        ({"stages": "encoder,decoder"}, ["'decoder'"]),
        ({"batch": "0"}, ["batch"]),
        ({"batch": "257"}, ["batch", "should be less than or equal to 256"]),
        ({"beam_size": "1,100"}, ["beam_size", "should be less than or equal to 64"]),
        ({"threads": "5000"}, ["threads", "should be less than or equal to 1024"]),
        ({"streams": "5000"}, ["streams", "should be less than or equal to 1024"]),
        ({"frames": "3001"}, ["frames", "should be less than or equal to 3000"]),
        ({"treads": 1}, ["did you mean 'threads'"]),
    ],
)
def test_refused_configurations(values: dict, parts: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        build(BenchConfig, values)
    for part in parts:
        assert part in str(caught.value)


def test_a_record_is_taken_up_by_the_same_request_only(tmp_path: Path) -> None:
    path, config = tmp_path / "new" / "r.json", BenchConfig(rounds=2)
    RecordJournal(config, path, {"m": "1"}).put(Case(name="c", facts={"rounds": 1}))
    more = RecordJournal(config.model_copy(update={"rounds": 9, "budget": 1.0}), path, {"m": "1"})
    assert more.cases["c"].facts == {"rounds": 1}
    assert RecordJournal(config, path, {"m": "1"}, force=True).cases["c"].facts == {"rounds": 1}
    assert config_of(path, {}) == config.model_copy(update={"output": str(path)})
    changed = config_of(path, {"rounds": 7, "budget": None})
    assert (changed.rounds, changed.budget, changed.timeout) == (7, None, config.timeout)
    with pytest.raises(UsageError, match=r"--rounds 0: should be greater"):
        config_of(path, {"rounds": 0})
    for other, subjects, message in (
        (config.model_copy(update={"batch": (2,)}), {"m": "1"}, r"batch \[1\] there, \[2\] now"),
        (config, {"m": "2"}, "files of m '1' there, '2' now"),
    ):
        with pytest.raises(OvwError, match=message):
            RecordJournal(other, path, subjects)
        assert RecordJournal(other, path, subjects, force=True).cases == {}
    (tmp_path / "eval.json").write_text(json.dumps(new_record("eval", {}).model_dump(mode="json", exclude_none=True)))
    with pytest.raises(UsageError, match="no record of ovw bench"):
        config_of(tmp_path / "eval.json", {})
    for force in (False, True):
        with pytest.raises(OvwError, match="choose another file"):
            RecordJournal(config, tmp_path / "eval.json", {}, force=force)
    assert read_record(path).kind == "bench"


@pytest.mark.parametrize("force", [False, True])
def test_files_of_others_stay(tmp_path: Path, force: bool) -> None:
    (tmp_path / "package.json").write_text("{}")
    with pytest.raises(OvwError, match="schema version"):
        RecordJournal(BenchConfig(), tmp_path / "package.json", {}, force=force)
    (tmp_path / "r.md").write_text("mine")
    with pytest.raises(OvwError, match=r"r\.md exists and is not of this benchmark"):
        RecordJournal(BenchConfig(format=("json", "md")), tmp_path / "r.json", {}, force=force)
    with pytest.raises(UsageError, match=r"would both be .*table\.md"):
        RecordJournal(BenchConfig(format=("md",)), tmp_path / "table.md", {}, force=force)
    config = BenchConfig(format=("json", "csv"))
    RecordJournal(config, tmp_path / "own.json", {}).note(x=1)
    (tmp_path / "own.csv").write_text("of the run before")
    assert RecordJournal(config, tmp_path / "own.json", {}, force=force).record.config["format"] == ["json", "csv"]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory, tiny: Converted) -> Path:
    """An artifact whose weights count as real."""
    folder = tmp_path_factory.mktemp("plan") / "tiny"
    shutil.copytree(tiny.folder, folder)
    data = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    data["source"]["kind"] = "hf"
    data.pop("sha256", None)
    (folder / MANIFEST).write_text(json.dumps(data), encoding="utf-8")
    return folder


def test_the_pipeline_is_timed_once_for_all_frames_and_shapes(weights: Path) -> None:
    values = {"models": [str(weights)], "frames": [500, 3000], "shapes": "artifact,static", "batch": [1, 2]}
    plan = make_plan(build(BenchConfig, {**values, "stages": "mel,pipeline"}))
    assert len(plan.cases) == 8
    timed = [case for case in plan.cases if "pipeline" in case.stages]
    assert [(case.frames, case.shapes, case.batch) for case in timed] == [(500, "artifact", 1), (500, "artifact", 2)]
    why = "neither changes the pipeline, which is timed with the first of them"
    assert plan.left_out == {"tiny, pipeline with other shapes or frames": why}
    assert len(make_plan(build(BenchConfig, {**values, "stages": "pipeline"})).cases) == 2
    alone = make_plan(build(BenchConfig, {"models": [str(weights)], "frames": 500}))
    assert ("pipeline" in alone.cases[0].stages, alone.left_out) == (True, {})


def test_the_batch_of_an_engine_is_its_only_one(weights: Path) -> None:
    engines = [
        "openvino",
        {"name": "openvino", "batch_size": 4},
        {"name": "faster-whisper", "model": "base", "batch_size": 4},
    ]
    plan = make_plan(build(BenchConfig, {"models": [str(weights)], "engines": engines, "batch": [1, 8]}))
    assert [(case.name, case.batch) for case in plan.cases] == [
        ("tiny", 1),
        ("tiny batch=8", 8),
        ("tiny batch_size=4", 4),
        ("faster-whisper base batch_size=4", 4),
    ]


def test_one_folder_under_two_spellings(weights: Path) -> None:
    twice = [str(weights), f"{weights.parent}/../{weights.parent.name}/{weights.name}/"]
    assert len(make_plan(build(BenchConfig, {"models": twice})).cases) == 1


def test_checkpoints_need_packages_that_read_them(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ovw.extras.find_spec", lambda name: None)
    plan = make_plan(build(BenchConfig, {"models": [str(weights)], "engines": ["pytorch"]}), pytorch_file)
    assert "pip install 'ovw[convert]'" in plan.left_out["pytorch"]


def test_percentiles_are_in_the_schema() -> None:
    full = metric([1.0]).model_copy(update={"percentiles": {"p50": 1.0}})
    assert Metric(**full.model_dump()) == full
