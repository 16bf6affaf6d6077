"""`ovw report`: charts that compare only what did the same work, and a page that needs nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from support.records import bench_case, bench_record, eval_record
from support.tiny_whisper import ROOT
from typer.testing import CliRunner

from ovw.cli.app import app
from ovw.config import build
from ovw.errors import OvwError, UsageError
from ovw.record import Metric, Record, new_record, write_record
from ovw.report import explorer
from ovw.report.charts import all_figures
from ovw.report.charts.figure import Figure
from ovw.report.config import ReportConfig
from ovw.report.eval_tables import about_rows
from ovw.report.explorer import AudioSource
from ovw.report.measured import measured_cases
from ovw.report.page import html_page
from ovw.report.pipeline import WIDTH, write_report
from ovw.report.runs import Run, read_run
from ovw.report.view import RecordView
from ovw.scoring.hypothesis import Hypothesis
from ovw.scoring.utterances import score_utterances

CLIP = ROOT / "ovw" / "assets" / "selftest.flac"
CPU = new_record("bench", {}).environment


def test_verdicts_of_words_and_characters_are_both_reported() -> None:
    verdict = {"wer": "better by 1 point", "cer": "worse by 2 points"}
    made = eval_record()
    compared = made.model_copy(update={"facts": made.facts | {"reference": {"name": "base-fp32", "verdict": verdict}}})
    shown = {row["fact"]: row["value"] for row in about_rows(compared)}
    assert shown["WER vs base-fp32"] == "better by 1 point"
    assert shown["CER vs base-fp32"] == "worse by 2 points"
    assert set(shown) - {row["fact"] for row in about_rows(made)} == {"WER vs base-fp32", "CER vs base-fp32"}


@cache
def all_charts() -> list[Figure]:
    """Of records that have everything."""
    return figures_of(*ALL)


def figures_of(*records: Record) -> list[Figure]:
    return all_figures(measured_cases([Run(f"r{n}", record) for n, record in enumerate(records)]))


def named(figures: list[Figure], name: str) -> list[Figure]:
    return [figure for figure in figures if figure.name.startswith(name)]


def values(figure: Figure) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = figure.chart.to_dict()["data"]["values"]
    return found


def views(spec: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield spec
    for layer in spec.get("layer", []):
        yield from views(layer)


SWEEP = [
    bench_case(f"base threads={t} batch={b}", request=f"{b}", scale=b / t, batch=b, threads=t)
    for b in (1, 8)
    for t in (1, 2)
]
ALL = (
    bench_record(bench_case("base-int8"), bench_case("base-fp16", scale=1.5)),
    bench_record(bench_case("base-int8", scale=1.1), created="2026-02-01T00:00:00+00:00"),
    bench_record(*SWEEP, created="2026-03-01T00:00:00+00:00"),
    eval_record(),
    eval_record("base-fp16", wer=5.0),
)
NAMES = (
    "wer-speed", "engines", "latency", "by-length", "start", "window", "token-by-cache", "token-by-rows", "roofline",
    "memory", "sweep", "trend",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_every_chart_is_drawn(name: str) -> None:
    assert named(all_charts(), name)


@pytest.mark.parametrize("name", NAMES)
def test_lengths_begin_at_zero(name: str) -> None:
    """A bar, or a line of times, that does not begin at zero shows differences larger than they are."""
    checked = 0
    for figure in named(all_charts(), name):
        for view in views(figure.chart.to_dict()):
            mark = view.get("mark", {})
            kind = mark if isinstance(mark, str) else mark.get("type")
            encoding = view.get("encoding", {})
            lengths = [encoding[axis] for axis in ("x", "y") if encoding.get(axis, {}).get("type") == "quantitative"]
            logarithmic = any(one.get("scale", {}).get("type") == "log" for one in lengths)
            if kind in ("bar", "line") and lengths and not logarithmic and "point" not in name:
                checked += (
                    any(one.get("scale", {}).get("zero") for one in lengths) or mark.get("strokeDash") is not None
                )
    assert checked or name in ("latency", "roofline", "sweep")


def test_a_heat_map_is_of_one_record() -> None:
    """Of the same artifact before and after, two numbers would stand in one cell."""
    sweeps = [named(figures_of(*[bench_record(*SWEEP)] * count), "sweep") for count in (1, 2)]
    assert len(sweeps[1]) == 2 * len(sweeps[0]) > 0
    for figure in sweeps[1]:
        cells = [(row["x"], row["y"]) for row in values(figure)]
        assert len(set(cells)) == len(cells)


def test_tokens_of_one_batch_share_a_chart() -> None:
    for figure in named(figures_of(bench_record(*SWEEP)), "token-by-cache"):
        assert len({row["rows"] for row in values(figure)}) == 1


@pytest.mark.parametrize("name", ["wer-speed", "engines", "by-length", "token-by-cache", "trend"])
def test_intervals_are_drawn(name: str) -> None:
    figures = named(all_charts(), name)
    assert any(row.get("low") is not None for figure in figures for row in values(figure))
    for figure in [one for one in figures if any(row.get("low") is not None for row in values(one))]:
        assert all(row["low"] < row["high"] for row in values(figure) if row.get("low") is not None)
        rules = [view for view in views(figure.chart.to_dict()) if view.get("mark", {}).get("type") == "rule"]
        assert any("low" in json.dumps(view["encoding"]) and "high" in json.dumps(view["encoding"]) for view in rules)


@pytest.mark.parametrize("name", ["engines", "latency"])
@pytest.mark.parametrize("difference", [{"text": "other"}, {"request": "other"}, {"machine": "other"}])
def test_other_work_is_in_another_chart(name: str, difference: dict[str, str]) -> None:
    """The record's hashes decide: text, options and audio, machine."""
    machine = difference.get("machine")
    one, two = bench_case("one"), bench_case("two", **({} if machine else difference))
    if machine:
        elsewhere = CPU.model_copy(update={"cpu": machine})
        records = [bench_record(one), bench_record(two, environment=elsewhere)]
    else:
        records = [bench_record(one, two)]
    assert all(len({row["case"] for row in values(figure)}) == 1 for figure in named(figures_of(*records), name))


def test_equal_work_is_in_one_chart() -> None:
    (figure,) = named(figures_of(bench_record(bench_case("one"), bench_case("two"))), "engines")
    assert {row["case"] for row in values(figure)} == {"one", "two"}


def test_many_cases_with_work_of_their_own_are_not_drawn_one_by_one() -> None:
    alone = [bench_case(f"case {n}", text=f"text {n}") for n in range(4)]
    assert len(named(figures_of(bench_record(*alone[:3])), "latency")) == 3
    assert not named(figures_of(bench_record(*alone)), "latency")


def test_a_line_by_rows_has_one_setting_of_everything_else() -> None:
    (figure,) = named(figures_of(bench_record(*SWEEP)), "token-by-rows")
    assert len({row["series"] for row in values(figure)}) == 2


def test_memory_of_other_stages_is_no_trend() -> None:
    later = "2026-02-01T00:00:00+00:00"
    records = [bench_record(bench_case("c", stages=["encoder"])), bench_record(bench_case("c"), created=later)]
    assert not named(figures_of(*records), "trend-peak")
    assert named(figures_of(bench_record(bench_case("c")), bench_record(bench_case("c"), created=later)), "trend-peak")


def test_a_text_that_changes_from_round_to_round_is_not_compared() -> None:
    unsteady = bench_case("two").model_copy(update={"facts": bench_case("two").facts | {"texts_differ": True}})
    assert not named(figures_of(bench_record(bench_case("one"), unsteady)), "engines")


@pytest.mark.parametrize("change", [{"fingerprint": "g"}, {"task": "translate"}])
def test_error_rates_on_other_clips_are_in_another_chart(change: dict[str, str]) -> None:
    figures = figures_of(eval_record(), eval_record("base-fp16", **change))
    assert len(named(figures, "wer-speed")) == 2
    assert all(len(values(figure)) == 1 for figure in named(figures, "wer-speed"))


def test_other_options_on_the_same_clips_are_compared() -> None:
    (figure,) = named(figures_of(eval_record(), eval_record(beam_size=5)), "wer-speed")
    assert {row["case"] for row in values(figure)} == {"base-int8", "base-int8, beam 5"}


def test_graphs_fed_otherwise_are_in_another_chart() -> None:
    figures = named(figures_of(bench_record(bench_case("one"), bench_case("two", batch=8))), "window")
    assert [len({row["case"] for row in values(figure)}) for figure in figures] == [1, 1]


def test_the_front() -> None:
    slow = eval_record("slow", wer=5.5)
    slow = slow.model_copy(update={"metrics": slow.metrics | {"speed": Metric(value=10, unit="x")}})
    (figure,) = named(figures_of(eval_record(wer=6.0), eval_record("good", wer=5.0), slow), "wer-speed")
    assert {row["case"] for row in values(figure) if row["front"]} == {"good"}


def test_stages_are_stacked_to_their_sum() -> None:
    figure = named(figures_of(ALL[0]), "window-1")[0]
    total = sum(row["ms"] for row in values(figure) if row["case"] == "base-int8")
    assert total == pytest.approx(4 + 100 + 17 + 100 * 3)


def test_no_peak_of_memory_is_thinned_out() -> None:
    figure = named(figures_of(ALL[0]), "memory")[0]
    assert max(row["mb"] for row in values(figure)) == 999
    assert len(values(figure)) <= 2 * 300


def test_names_are_unique() -> None:
    labels = [case.label for case in measured_cases([Run("same", ALL[0]), Run("same", ALL[1])])]
    assert len(set(labels)) == len(labels) == 3


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """As `ovw eval` leaves it, with texts that want to be markup."""
    folder = tmp_path / "run"
    folder.mkdir()
    write_record(eval_record(), folder / "record.json")
    clip = str(CLIP)
    texts = [("a", clip, "the cat sat", "the hat sat down"), ("b", "gone.wav", "one two", "</script><b>two</b>")]
    lines = [Hypothesis(name, audio, 4.0, "en", ref, hyp).to_json() for name, audio, ref, hyp in texts]
    (folder / "hypotheses.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def explorer_of(page: str) -> list[dict[str, Any]]:
    found = re.search(r'<script type="application/json" id="explorer">(.*?)</script>', page, re.DOTALL)
    assert found
    data: list[dict[str, Any]] = json.loads(found[1])
    return data


def test_page(run_folder: Path, tmp_path: Path) -> None:
    (written,) = write_report(build(ReportConfig, {"records": [str(run_folder)], "output": str(tmp_path / "r.html")}))
    page = written.read_text(encoding="utf-8")
    assert len(page) < 6_000_000
    assert "</script><b>" not in page
    without_scripts = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    outside = re.findall(r'(?:src|href|action)="(?!#|data:)([^"]*)"', without_scripts)
    assert outside == []
    (system,) = explorer_of(page)
    rows = {row["id"]: row for row in system["rows"]}
    assert rows["a"]["steps"] == ["the", ["cat", "hat"], "sat", ["", "down"]]
    assert rows["b"]["raw"] == ["one two", "</script><b>two</b>"]
    assert (tmp_path / rows["a"]["audio"]).resolve() == CLIP.resolve()
    assert "audio" not in rows["b"]


def test_the_page_counts_errors_as_the_record_does(tmp_path: Path) -> None:
    """Errors that touch are one mark in the text, and are counted each for itself."""
    texts = [("his waistcoat hung", "his waste coat hung"), ("to be or not", "to or note"), ("a b c", "x c")]
    lines = [Hypothesis(str(i), "", 4.0, "en", *pair) for i, pair in enumerate(texts)]
    record = eval_record()
    run = Run("run", record, {"": score_utterances(lines)}, tmp_path)
    (system,) = explorer_of(html_page([run], [], AudioSource(tmp_path)))
    rows = sorted(system["rows"], key=lambda row: row["id"])
    assert rows[0]["steps"] == ["his", ["waistcoat", "waste coat"], "hung"]
    kinds = ("substitutions", "deletions", "insertions", "errors")
    assert [[row[kind] for kind in kinds] for row in rows] == [[1, 0, 1, 2], [1, 1, 0, 2], [1, 1, 0, 2]]


def test_page_and_tables_are_different_files(run_folder: Path, tmp_path: Path) -> None:
    asked = {"records": [str(run_folder)], "output": str(tmp_path / "r.md"), "format": ["html", "md"]}
    with pytest.raises(UsageError, match=r"would both be .*r\.md"):
        write_report(build(ReportConfig, asked))
    assert not (tmp_path / "r.md").exists()


def test_no_format_is_refused() -> None:
    with pytest.raises(UsageError, match="format = "):
        build(ReportConfig, {"records": ["r.json"], "format": []})


def test_a_record_without_measurements_is_refused(tmp_path: Path) -> None:
    write_record(bench_record(), tmp_path / "b.json")
    asked = {"records": [str(tmp_path / "b.json")], "output": str(tmp_path / "r.html")}
    with pytest.raises(OvwError, match=r"b\.json: nothing was measured there"):
        write_report(build(ReportConfig, asked))
    assert not (tmp_path / "r.html").exists()


def test_what_will_not_fit_is_not_encoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[Path] = []
    monkeypatch.setattr(explorer, "encode_mp3", lambda path: encoded.append(path) or b"x" * 30)
    files = [tmp_path / f"{i}.wav" for i in range(3)]
    for path in files:
        path.touch()
    audio = AudioSource(tmp_path, room=50)
    links = [audio.of(path.name, tmp_path, duration_s=0.01) for path in files]
    assert [link.startswith("data:") for link in links if link] == [True, False, False]
    assert encoded == files[:1]


def test_a_part_of_a_recording_is_a_link_to_that_part(tmp_path: Path) -> None:
    (tmp_path / "talk.wav").touch()
    audio = AudioSource(tmp_path, room=4_000_000)
    assert audio.of("talk.wav#t=2.5,7", tmp_path, duration_s=4.5) == "talk.wav#t=2.5,7"
    assert audio.of("gone.wav#t=2.5,7", tmp_path, duration_s=4.5) is None


def test_embedded_audio_keeps_to_its_limit(run_folder: Path) -> None:
    run = read_run(run_folder / "record.json")
    with_audio = explorer_of(html_page([run], [], AudioSource(run_folder, 4_000_000)))
    assert with_audio[0]["rows"][0]["audio"].startswith("data:audio/mpeg;base64,")
    without_room = explorer_of(html_page([run], [], AudioSource(run_folder, 100)))
    assert not without_room[0]["rows"][0]["audio"].startswith("data:")


def test_pictures_and_markdown(run_folder: Path, tmp_path: Path) -> None:
    write_record(ALL[0], tmp_path / "bench.json")
    asked = {"records": [str(run_folder), str(tmp_path / "bench.json")], "output": str(tmp_path / "out" / "r.html")}
    written = write_report(build(ReportConfig, asked | {"format": ["svg", "png", "md"]}))
    by_kind = {kind: [path for path in written if path.suffix == kind] for kind in (".svg", ".png", ".md")}
    assert len(by_kind[".svg"]) == len(by_kind[".png"]) > 5
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in by_kind[".png"])
    assert all("<svg" in path.read_text(encoding="utf-8") for path in by_kind[".svg"])
    text = by_kind[".md"][0].read_text(encoding="utf-8")
    assert all(f"]({path.name})" in text for path in by_kind[".svg"])
    assert "~~cat~~ **hat**" in text


def test_a_record_in_a_notebook(run_folder: Path, tmp_path: Path) -> None:
    write_record(ALL[0], tmp_path / "r.json")
    times, score = RecordView.read(tmp_path / "r.json"), RecordView.read(run_folder)
    assert all(f"<td>{case.name}</td>" in times._repr_html_() for case in ALL[0].cases)
    assert "<th>WER</th>" in score._repr_html_()
    assert score.metrics["wer"].value == score.record.metrics["wer"].value
    chart = times.chart("window").to_dict()
    assert chart["title"] == "One window"
    assert chart["width"] == WIDTH
    with pytest.raises(UsageError, match=r"no chart 'windo_'.*did you mean 'window"):
        times.chart("windo_")


def test_files_of_others_stay(run_folder: Path, tmp_path: Path) -> None:
    page = tmp_path / "r.html"
    page.write_text("mine", encoding="utf-8")
    asked = {"records": [str(run_folder)], "output": str(page)}
    with pytest.raises(OvwError, match="was not written by ovw"):
        write_report(build(ReportConfig, asked))
    assert page.read_text(encoding="utf-8") == "mine"
    write_report(build(ReportConfig, asked | {"overwrite": True}))
    write_report(build(ReportConfig, asked))  # its own is replaced


def test_a_record_is_not_replaced_by_its_report(tmp_path: Path) -> None:
    write_record(ALL[0], tmp_path / "r.json")
    with pytest.raises(OvwError, match="would be overwritten"):
        write_report(build(ReportConfig, {"records": [str(tmp_path / "r.json")], "output": str(tmp_path / "r.json")}))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.json"], "missing.json cannot be read as a record"),
        (["."], "folder without record.json"),
        ([], "no record given"),
        (["x.json", "-f", "pdf"], "no format 'pdf'"),
    ],
)
def test_refusals(arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["report", *arguments])
    assert isinstance(result.exception, OvwError)
    assert message in str(result.exception)
    assert list(tmp_path.iterdir()) == []


def test_a_record_of_a_checkpoint_without_file_can_be_read_again(tmp_path: Path) -> None:
    """Random weights and folders of other programs have no checkpoint file, so no hash of one."""
    write_record(ALL[0], tmp_path / "r.json")
    assert read_run(tmp_path / "r.json").record == ALL[0]


@pytest.mark.parametrize("rows", [[{"x": 1}], [{"case": "a", "megabytes": "x", "gflops": [1]}], [{}]])
def test_a_record_of_odd_rows_is_one_line(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    record = bench_record(bench_case("a"), bench_case("b"))
    write_record(record.model_copy(update={"tables": {"work": rows, "roofline": rows}}), tmp_path / "r.json")
    with pytest.raises(OvwError, match=r"r\.json cannot be shown: ") as failure:
        write_report(ReportConfig(records=(str(tmp_path / "r.json"),), output=str(tmp_path / "r.html")))
    assert "\n" not in str(failure.value)
    assert not (tmp_path / "r.html").exists()
