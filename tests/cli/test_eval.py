"""`ovw eval` as a user meets it, on a tiny random model."""

import json
import sys
from pathlib import Path

import jiwer
import pytest
from support.command import ovw, refused
from support.speech_files import TEXTS, librispeech, manifest, pack, wav

from ovw.config import build
from ovw.convert.plan import Converted
from ovw.errors import OvwError, UsageError
from ovw.evaluate.config import EvalConfig
from ovw.evaluate.journal import HypothesisJournal
from ovw.evaluate.pipeline import Evaluation, evaluate
from ovw.evaluate.transcription import EvalObserver
from ovw.record import read_record

OPTIONS = {
    "temperature": [0.0], "max_new_tokens": 6, "no_speech_threshold": None, "vad": False, "exact": True,
    "model": "tiny-random",
}  # fmt: skip


@pytest.fixture(autouse=True)
def models(warm_home: Path, tiny: Converted) -> Path:
    """A home with the tiny artifact under its name."""
    (warm_home / "models").mkdir(parents=True)
    (warm_home / "models" / "tiny-random").symlink_to(tiny.folder)
    return warm_home


@pytest.fixture
def options(tmp_path: Path) -> list[object]:
    (tmp_path / "options.yaml").write_text(json.dumps(OPTIONS), encoding="utf-8")
    return ["--config", tmp_path / "options.yaml"]


def here(dataset: object, output: Path, **values: object) -> Evaluation:
    """The same in this process."""
    return evaluate(build(EvalConfig, {"dataset": str(dataset), "output": str(output), **OPTIONS, **values}))


def rows(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "hypotheses.jsonl").read_text(encoding="utf-8").splitlines()]


def texts(folder: Path) -> dict[str, str]:
    return {row["id"]: row["hypothesis"] for row in rows(folder)}


def without_time(folder: Path) -> dict:
    """A record's figures that do not depend on the clock."""
    metrics = json.loads((folder / "record.json").read_text(encoding="utf-8"))["metrics"]
    return {name: metric for name, metric in metrics.items() if name not in ("rtf", "speed")}


def test_wer_is_that_of_ten_lines(tmp_path: Path, options: list[object]) -> None:
    from whisper.normalizers import EnglishTextNormalizer

    root = librispeech(tmp_path)
    out = tmp_path / "out"
    done = ovw("eval", "librispeech", "--split", "test-other", "--data", root, *options, "-o", out, "-f", "leaderboard")
    found = rows(out)
    assert {row["id"]: row["reference"] for row in found} == TEXTS
    assert list(found[0])[:6] == ["id", "audio", "duration_s", "language", "reference", "hypothesis"]
    normal = EnglishTextNormalizer()
    wer = 100 * jiwer.wer([normal(r["reference"]) for r in found], [normal(r["hypothesis"]) for r in found])
    record = read_record(out / "record.json")
    assert record.metrics["wer"].value == pytest.approx(wer, abs=0.01)
    assert record.metrics["wer"].unit == "%"
    assert f"WER {wer:.2f} %" in done.stdout
    assert done.stdout.splitlines()[-1] == str(out)
    assert record.artifact is not None
    assert record.facts["engine"]["inference_precision"] == "f32"
    assert {p.name for p in out.iterdir()} >= {"record.json", "report.md", "report.html", "hypotheses.jsonl"}
    report = (out / "report.md").read_text(encoding="utf-8")
    assert "## Most frequent errors" in report
    assert "\n- reference: TO FADE AWAY LIKE MORNING BEAUTY\n" in report
    exported = (out / "leaderboard" / "MODEL_ovw-tiny-random_DATASET_librispeech_test-other.jsonl").read_text("utf-8")
    assert [json.loads(line)["pred_text"] for line in exported.splitlines()] == [row["hypothesis"] for row in found]

    archive = pack(root, tmp_path / "test-other.tar.gz")
    here("librispeech", tmp_path / "tar", data=str(archive))
    assert texts(tmp_path / "tar") == texts(out)
    assert without_time(tmp_path / "tar") == without_time(out)
    prints = {read_record(f / "record.json").facts["dataset"]["fingerprint"] for f in (out, tmp_path / "tar")}
    assert len(prints) == 1


def test_same_request_is_taken_up_and_another_is_refused(tmp_path: Path, models: Path, options: list[object]) -> None:
    root = librispeech(tmp_path)
    request = ["eval", "librispeech", "--data", root, *options, "-q"]
    folder = Path(ovw(*request).stdout.strip())
    assert folder.parent == models / "evals"
    before = (folder / "hypotheses.jsonl").read_text(encoding="utf-8")
    (folder / "hypotheses.jsonl").write_text("".join(before.splitlines(keepends=True)[:2]), encoding="utf-8")
    assert Path(ovw(*request).stdout.strip()) == folder
    after = (folder / "hypotheses.jsonl").read_text(encoding="utf-8")
    assert after.splitlines()[:2] == before.splitlines()[:2]  # to the second: they were not done again
    assert len(after.splitlines()) == 5
    said = refused(*request, "--beam-size", 2, "-o", folder, code=1)
    assert "beam_size 1 there, 2 now" in said


def test_references(tmp_path: Path, models: Path) -> None:
    root, first = librispeech(tmp_path), tmp_path / "first"
    here("librispeech", first, data=str(root))
    for name, reference in (("run", first), ("file", first / "hypotheses.jsonl"), ("artifact", "tiny-random")):
        record = here("librispeech", tmp_path / name, data=str(root), reference=str(reference)).record
        assert record.facts["reference"]["verdict"]["wer"] == "the same number of errors in each of 5 utterances"
        assert record.metrics["wer_delta"].value == 0
    assert len(rows(tmp_path / "artifact" / "reference")) == 5
    with pytest.raises(UsageError, match="no reference 'nothing'"):
        here("librispeech", first, data=str(root), reference="nothing")


def test_english_only_artifacts_are_scored_as_english(
    tmp_path: Path, tiny_en_random: Converted, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "a.wav").write_bytes(wav())
    path = manifest(tmp_path / "m.jsonl", [{"audio": "a.wav", "text": "it's 20 dollars"}])
    for _ in range(2):  # the second is taken up
        record = here(path, tmp_path / "run", model=str(tiny_en_random.folder)).record
        assert record.facts["dataset"]["languages"] == {"en": 1}
        lines = (tmp_path / "run" / "hypotheses.jsonl").read_bytes()
    assert not [one for one in caplog.records if "language" in one.getMessage()]
    here(path, tmp_path / "run", model=str(tiny_en_random.folder))
    assert (tmp_path / "run" / "hypotheses.jsonl").read_bytes() == lines  # seconds too
    record = here(path, tmp_path / "many").record
    assert record.facts["dataset"]["languages"] == {"unknown": 1}
    assert "1 clip has no language" in caplog.text


def test_a_folder_takes_one_run_until_it_is_scored(tmp_path: Path) -> None:
    root, refusals = librispeech(tmp_path), []

    def intrude(step: str) -> None:
        with pytest.raises(OvwError, match="another run is writing"):
            HypothesisJournal(tmp_path / "out", {}, force=True)
        refusals.append(step)

    values = {"dataset": "librispeech", "data": str(root), "limit": 1, "reference": "tiny-random"}
    config = build(EvalConfig, {**OPTIONS, **values, "output": str(tmp_path / "out")})
    evaluate(config, EvalObserver(on_step=intrude))
    assert refusals == ["librispeech test-other: tiny-random"] * 2 + ["scoring"]


def test_pytorch_reference_hears_the_same(tmp_path: Path, tiny_pt: Path, options: list[object]) -> None:
    root, out = librispeech(tmp_path), tmp_path / "out"
    record = here("librispeech", out, data=str(root), limit=2, reference=str(tiny_pt)).record
    assert record.facts["reference"]["verdict"]["wer"].startswith("the same number of errors")
    assert texts(out / "reference") == texts(out)
    said = refused("eval", "librispeech", "--data", root, *options, "--reference", "pytorch", code=1)
    assert "not at hand" in said
    assert "--reference" in said


def test_problems(tmp_path: Path, options: list[object]) -> None:
    (tmp_path / "good.wav").write_bytes(wav())
    (tmp_path / "bad.wav").write_text("no sound")
    lines = [
        {"audio": "good.wav", "text": "one", "language": "en"},
        {"audio": "gone.wav", "text": "two", "language": "en"},
        {"audio": "bad.wav", "text": "three", "language": "en"},
        {"audio": "good.wav", "text": "", "id": "empty"},
        {"audio": "good.wav", "text": "(noise)", "id": "noise", "language": "en"},
    ]
    path = manifest(tmp_path / "m.jsonl", lines)
    done = ovw("eval", path, *options, "-o", tmp_path / "out")
    assert "4 could not be used" in done.stdout
    problems = read_record(tmp_path / "out" / "record.json").facts["problems"]
    assert problems["count"] == 4
    assert {p["id"] for p in problems["listed"]} == {"gone", "bad", "empty", "noise"}
    assert "no such file" in next(p["reason"] for p in problems["listed"] if p["id"] == "gone")
    with pytest.raises(OvwError, match="gone: "):
        here(path, tmp_path / "strict", strict=True)
    with pytest.raises(OvwError, match="no clip of only could be scored: gone: "):
        here(manifest(tmp_path / "only.jsonl", lines[1:3]), tmp_path / "only")
    with pytest.raises(UsageError, match="rename 'txt' to 'text'"):
        here(manifest(tmp_path / "wrong.jsonl", [{"audio": "good.wav", "txt": "one"}]), tmp_path / "wrong")


def test_workers_hear_the_same(tmp_path: Path, options: list[object]) -> None:
    root, one, two = librispeech(tmp_path), tmp_path / "one", tmp_path / "two"
    here("librispeech", one, data=str(root), threads=1)
    ovw("eval", "librispeech", "--data", root, *options, "--threads", 1, "-o", two, "--workers", 2)
    assert [(r["id"], r["hypothesis"]) for r in rows(two)] == [(r["id"], r["hypothesis"]) for r in rows(one)]
    assert without_time(two) == without_time(one)


def test_ray_hears_the_same(tmp_path: Path, options: list[object]) -> None:
    pytest.importorskip("ray")
    root = librispeech(tmp_path)
    here("librispeech", tmp_path / "one", data=str(root), threads=1)
    request = ["eval", "librispeech", "--data", root, *options, "--threads", 1, "-o", tmp_path / "ray"]
    ovw(*request, "--ray", "local", "--workers", 2)
    assert texts(tmp_path / "ray") == texts(tmp_path / "one")


def test_matrix(tmp_path: Path) -> None:
    root = librispeech(tmp_path)
    (tmp_path / "matrix.yaml").write_text(
        f"models: tiny-random\ndatasets:\n  - {{dataset: librispeech, data: {root}, limit: 2}}\n"
        f"options: [{{pad: mel}}, {{pad: audio}}]\noutput: {tmp_path / 'matrix'}\n"
        f"defaults: {{max_new_tokens: 4, temperature: 0, vad: false}}\n",
        encoding="utf-8",
    )
    assert "pad=audio" in ovw("eval", tmp_path / "matrix.yaml").stdout
    record = read_record(tmp_path / "matrix" / "record.json")
    assert [case.config["pad"] for case in record.cases] == ["mel", "audio"]
    assert (tmp_path / "matrix" / "table.md").read_text(encoding="utf-8").startswith("| case | front | wer ")
    for flag, part in (("--config", "under `defaults`"), ("--model", "under `models`")):
        assert part in refused("eval", tmp_path / "matrix.yaml", flag, tmp_path / "other", code=2)
    (tmp_path / "wrong.yaml").write_text("modls: [x]\n", encoding="utf-8")
    assert "did you mean 'models'" in refused("eval", tmp_path / "wrong.yaml", code=2)


def test_a_matrix_with_a_failed_run_shows_the_others(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(wav())
    for name in ("a", "gone"):
        manifest(tmp_path / f"{name}.jsonl", [{"audio": f"{name}.wav", "text": "x"}])
    (tmp_path / "matrix.yaml").write_text(
        f"models: tiny-random\noutput: {tmp_path / 'matrix'}\n"
        f"datasets: [{{dataset: {tmp_path / 'gone.jsonl'}}}, {{dataset: {tmp_path / 'a.jsonl'}}}]\n"
        f"defaults: {{max_new_tokens: 4, temperature: 0, vad: false}}\n",
        encoding="utf-8",
    )
    done = ovw("eval", tmp_path / "matrix.yaml", code=1)
    assert "tiny-random a " in done.stdout
    assert "tiny-random gone" not in done.stdout
    assert "1 of 2 runs failed: tiny-random gone" in done.stderr
    assert ovw("eval", tmp_path / "matrix.yaml", "-q", code=1).stdout == f"{tmp_path / 'matrix'}\n"


def test_no_network_and_no_data_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("datasets")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    for name in ("HF_HUB_OFFLINE", "HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    assert "--data" in refused("eval", "librispeech", "-m", "tiny-random", code=1)


def test_refusals(tmp_path: Path) -> None:
    for values, parts in (
        ({"dataset": "libripseech"}, ["no dataset 'libripseech'", "did you mean 'librispeech'"]),
        ({"model": "base"}, ["no artifact of base is installed"]),
        ({"interval": "clip"}, ["interval", "'speaker'"]),
        ({"language": "en", "detect_language": True}, ["contradict"]),
        ({"data": str(tmp_path)}, ["holds no LibriSpeech split"]),
        ({"language": "klingon"}, ["unknown language 'klingon'"]),
        ({"dataset": str(tmp_path / "none.jsonl"), "output": str(tmp_path / "run")}, ["no manifest"]),
    ):
        with pytest.raises(UsageError) as caught:
            evaluate(build(EvalConfig, {"dataset": "librispeech", **OPTIONS, **values}))
        for part in parts:
            assert part in str(caught.value)
    assert not (tmp_path / "run").exists()
    assert "not a list of numbers" in refused("eval", "librispeech", "--temperature", "x", code=2)


def test_print_config() -> None:
    out = ovw("eval", "fleurs", "--languages", "de,fr", "--print-config").stdout
    assert "beam_size: 1\n" in out
    assert "languages:\n- de\n- fr\n" in out


@pytest.mark.parametrize("installed", [True, False])
def test_the_page_has_charts_where_their_packages_are_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, installed: bool
) -> None:
    """Scoring needs none of the packages that draw."""
    if not installed:
        for name in ("altair", "vl_convert", "gradio", "IPython"):
            monkeypatch.setitem(sys.modules, name, None)
    done = here(manifest(tmp_path / "m.jsonl", [clip(tmp_path)]), tmp_path / "run")
    page = (done.folder / "report.html").read_text(encoding="utf-8")
    assert ('class="chart"' in page) == installed
    assert '<div id="list">' in page


def clip(folder: Path) -> dict[str, str]:
    (folder / "a.wav").write_bytes(wav())
    return {"id": "a", "audio": "a.wav", "reference": "a word", "language": "en"}
