"""Matrices of evaluations: their cells, names, files and failures, and the front of WER against speed."""

from pathlib import Path

import pytest
from support.speech_files import manifest

from ovw.config import build
from ovw.errors import OvwError, UsageError
from ovw.evaluate import matrix as matrix_module
from ovw.evaluate.config import EvalConfig
from ovw.evaluate.matrix import MatrixConfig, cells, evaluate_matrix, on_front
from ovw.evaluate.pipeline import Evaluation
from ovw.record import Case, Metric, new_record, read_record, write_record


def test_a_matrix_leaves_files_of_others(tmp_path: Path) -> None:
    (tmp_path / "table.md").write_text("mine")
    matrix = MatrixConfig(models=("none",), datasets=({"dataset": "bundled"},), output=str(tmp_path))
    with pytest.raises(OvwError, match=r"table\.md of something else"):
        evaluate_matrix(matrix, {"force": True})
    record = new_record("eval", matrix.model_dump(mode="json"))
    write_record(record, tmp_path / "record.json")
    with pytest.raises(UsageError, match="no artifact 'none'"):  # it is ours now, and goes on
        evaluate_matrix(matrix, {})


def test_every_dataset_of_a_matrix_is_opened_before_the_first_run(tmp_path: Path) -> None:
    datasets = ({"dataset": "bundled"}, {"dataset": str(tmp_path / "none.jsonl")})
    matrix = MatrixConfig(models=("none",), datasets=datasets, output=str(tmp_path / "out"))
    with pytest.raises(UsageError, match="no manifest"):
        evaluate_matrix(matrix, {})
    assert not (tmp_path / "out").exists()


def test_a_dataset_of_a_matrix_without_clips_is_refused_before_the_first_run(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    empty = manifest(tmp_path / "m.jsonl", [{"audio": "", "text": "x", "id": "a"}])
    datasets = ({"dataset": "bundled"}, {"dataset": str(empty)})
    matrix = MatrixConfig(models=("none",), datasets=datasets, output=str(tmp_path / "out"))
    with pytest.raises(UsageError, match="m has no clip that can be used: a: no audio"):
        evaluate_matrix(matrix, {})
    assert not (tmp_path / "out").exists()


def test_a_run_of_a_matrix_that_fails_does_not_keep_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def run_cell(config: EvalConfig, observer: object, **_: object) -> Evaluation:
        if config.beam_size in fails:
            raise OvwError(f"no clip could be scored with {config.beam_size}", "look")
        Path(config.output or "").mkdir(parents=True, exist_ok=True)
        facts = {"dataset": {"fingerprint": "x"}}
        record = new_record("eval", {}, facts=facts, metrics={"wer": Metric(value=5, unit="%")})
        return Evaluation(tmp_path / "run", record, [], [])

    monkeypatch.setattr(matrix_module, "evaluate", run_cell)
    matrix = MatrixConfig(
        models=("m",), datasets=({"dataset": "bundled"},), options=({"beam_size": 1}, {"beam_size": 2}, {"beam_size": 3}),
        output=str(tmp_path / "out"),
    )  # fmt: skip
    fails = (1, 3)
    with pytest.raises(OvwError, match="2 of 3 runs failed: m bundled beam_size=1, m bundled beam_size=3") as caught:
        evaluate_matrix(matrix, {})
    assert caught.value.exit_code == 1
    assert "m bundled beam_size=1 failed: no clip could be scored with 1" in caplog.text
    table = (tmp_path / "out" / "table.md").read_text()
    assert "beam_size=2 | * | 5" in table
    assert "m bundled beam_size=3 failed: no clip could be scored with 3" in table
    assert [case.name for case in read_record(tmp_path / "out" / "record.json").cases] == ["m bundled beam_size=2"]
    fails = ()
    assert len(evaluate_matrix(matrix, {}).cases) == 3
    fails = (1, 2, 3)
    with pytest.raises(OvwError, match="could be scored with 1"):
        evaluate_matrix(matrix, {})


def test_a_matrix_of_another_version_is_named_so(tmp_path: Path) -> None:
    (tmp_path / "record.json").write_text('{"schema_version": 2, "config": {"models": [], "datasets": []}}')
    matrix = MatrixConfig(models=("none",), datasets=({"dataset": "bundled"},), output=str(tmp_path))
    with pytest.raises(OvwError, match="has schema version 2, this ovw reads 1"):
        evaluate_matrix(matrix, {})


def test_front() -> None:
    def case(wer: float, speed: float, clips: str = "x") -> Case:
        figures = {"wer": Metric(value=wer, unit="%"), "speed": Metric(value=speed, unit="x")}
        return Case(name="c", facts={"dataset": {"fingerprint": clips}}, metrics=figures)

    cases = [case(5, 10), case(6, 20), case(6, 15), case(4, 1, "y"), case(7, 20)]
    assert [on_front(c, cases) for c in cases] == [True, True, False, True, False]
    silent = Case(name="s", facts={"dataset": {"fingerprint": "x"}}, metrics={"speed": Metric(value=99, unit="x")})
    assert [on_front(c, [*cases, silent]) for c in (*cases, silent)] == [True, True, False, True, False, False]


def test_matrix_cells() -> None:
    values = {
        "models": ["m1", "m2"],
        "datasets": [{"dataset": "librispeech", "split": "test-other"}],
        "options": [{"beam_size": 1}, {"beam_size": 5}],
        "defaults": {"limit": 7},
    }
    made = cells(build(MatrixConfig, values), {"seed": 3, "dataset": "matrix.yaml"})
    assert [cell.name for cell in made] == [
        f"{m} librispeech test-other beam_size={b}" for m in ("m1", "m2") for b in (1, 5)
    ]
    assert {(c.config.limit, c.config.seed, c.config.dataset) for c in made} == {(7, 3, "librispeech")}
    assert len({c.config.output for c in made}) == 4
    with pytest.raises(UsageError, match="did you mean 'beam_size'"):
        cells(build(MatrixConfig, values | {"options": [{"beam_siz": 1}]}), {})


@pytest.mark.parametrize(("flag", "part"), [("beam_size", "options"), ("limit", "datasets")])
def test_a_flag_does_not_change_what_runs_are_named_after(flag: str, part: str) -> None:
    values = {
        "models": ["m"],
        "datasets": [{"dataset": "librispeech"}, {"dataset": "fleurs", "limit": 3}],
        "options": [{"beam_size": 1}, {"beam_size": 5}],
    }
    with pytest.raises(UsageError, match=rf"--{flag.replace('_', '-')} beside a matrix that sets {flag} .*{part}"):
        cells(build(MatrixConfig, values), {flag: 2})


def test_runs_with_one_short_name_are_kept_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    values = {
        "models": ["base-fp16"],
        "datasets": [{"dataset": "x/clips.jsonl"}, {"dataset": "y/clips.jsonl"}, {"dataset": "other.jsonl"}],
        "output": "~/matrix",
    }
    made = cells(build(MatrixConfig, values), {})
    assert [cell.config.output for cell in made] == [
        str(tmp_path / "matrix" / name)
        for name in ("base-fp16-dataset=x-clips.jsonl", "base-fp16-dataset=y-clips.jsonl", "base-fp16-other")
    ]
    with pytest.raises(UsageError, match=r"base-fp16 dataset=other\.jsonl more than once"):
        cells(build(MatrixConfig, values | {"datasets": [{"dataset": "other.jsonl"}] * 2}), {})
    with pytest.raises(UsageError, match="options"):
        build(MatrixConfig, values | {"options": []})
