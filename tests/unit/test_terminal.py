"""Tables that are whole at any width, and JSON for programs."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console
from support.command import ovw
from support.records import bench_case, bench_record, eval_record
from typer.testing import CliRunner

from ovw.artifact.manifest import Compression, SpeechSet, WerGate
from ovw.benchmark.results.compare import compare
from ovw.cli.app import app
from ovw.cli.convert import describe_made, summary_rows
from ovw.cli.verify import describe_good
from ovw.convert.plan import Converted
from ovw.evaluate.matrix import front_rows
from ovw.record import Case
from ovw.record_tables import Row
from ovw.report.bench_tables import detail_rows, overview_rows
from ovw.terminal import print_lines, print_rows

BENCH = bench_record(bench_case("large-v3-int8-ptq threads=2 batch=8"), bench_case("base-fp16", scale=0.3))
CELL = eval_record()
MATRIX = CELL.model_copy(
    update={
        "metrics": {},
        "cases": tuple(Case(name=f"{n} test-other", facts=CELL.facts, metrics=CELL.metrics) for n in ("a", "b")),
    }
)
TABLES = {
    "bench": overview_rows(BENCH),
    "bench, one case": detail_rows(BENCH.cases[0]),
    "bench compare": compare(BENCH, BENCH).rows(),
    "eval matrix": front_rows(MATRIX),
    "wide characters": [{"名前": "大きい模型", "value": "12 ms", "note": "長い" * 60}],
}


SPEECH = SpeechSet(name="bundled test", clips=24, seconds=300.0, audio={})
GATE = WerGate(
    speech=SPEECH, words=798, wer=6.02, fp32_wer=5.89, delta=0.13, ci95=(-0.25, 0.5), allowed=0.5,
    inference_precision="bf16", verdict="passed",
)  # fmt: skip


def converted(tiny: Converted, name: str) -> Converted:
    """An artifact with a long name, a gate and a calibration."""
    compression = Compression(recipe={}, calibration=SPEECH, gate=GATE)
    manifest = tiny.manifest.model_copy(update={"name": name, "precision": "int8-ptq", "compression": compression})
    return replace(tiny, folder=Path("models") / f"{name}-int8-ptq", manifest=manifest, seconds=1234.5)


@pytest.mark.parametrize("width", [60, 80, 160])
def test_convert_and_verify_are_whole(width: int, tiny: Converted) -> None:
    made = [converted(tiny, name) for name in ("large-v3-turbo", "distil-large-v3.5-my-own-finetune")]
    verified = describe_good(tiny.folder, tiny.manifest, proved=False)
    for lines in (*map(describe_made, made), verified):
        shown = on_terminal(lines, width)
        assert shown.split() == " ".join(lines).split()  # no word is cut
        assert all(cell_len(line) <= width or len(line.split()) == 1 for line in shown.splitlines())
    rows = summary_rows(made)
    text = printed(rows, width)
    assert max(map(cell_len, text.splitlines())) <= width
    assert all(value in text for row in rows for value in row.values())


def on_terminal(lines: list[str], width: int) -> str:
    out = io.StringIO()
    print_lines(Console(file=out, width=width, force_terminal=True, color_system=None, highlight=False), lines)
    return out.getvalue()


def test_lines_that_follow_are_indented_and_a_pipe_breaks_none() -> None:
    assert on_terminal(["  one two three"], 10) == "  one two\n      three\n"
    out = io.StringIO()
    print_lines(Console(file=out, width=10), ["  one two three"])
    assert out.getvalue() == "  one two three\n"


def printed(rows: list[Row], width: int) -> str:
    out = io.StringIO()
    print_rows(Console(file=out, width=width, highlight=False), rows)
    return out.getvalue()


@pytest.mark.parametrize("width", [60, 80, 160])
@pytest.mark.parametrize("name", TABLES)
def test_tables_are_whole(name: str, width: int) -> None:
    text = printed(TABLES[name], width)
    assert max(map(cell_len, text.splitlines())) <= width
    together = re.sub(r"\s+", "", text)
    for row in TABLES[name]:
        for value in filter(None, map(str, row.values())):
            assert re.sub(r"\s+", "", value) in together


def test_what_fits_is_one_line_a_row() -> None:
    assert printed([{"a": "x", "n": 1}, {"a": "yy", "n": 23}], 80) == "a    n\nx    1\nyy  23\n"


@pytest.mark.parametrize("columns", ["80", "100"])
def test_the_list_of_models_obeys_columns(columns: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("OVW_HOME", str(tmp_path))
    shown = CliRunner().invoke(app, ["models"]).stdout
    assert max(map(len, shown.splitlines())) <= int(columns)
    assert "hf:openai/whisper-large-v3-turbo" in shown


def test_models_for_programs(tmp_path: Path) -> None:
    found = json.loads(ovw("models", "--json", home=tmp_path).stdout)
    base = next(size for size in found["sizes"] if size["size"] == "base")
    assert (base["mels"], base["encoder_layers"], base["translate"], base["artifacts"]) == (80, 6, True, [])
