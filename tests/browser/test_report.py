"""The page of `ovw report`, opened from disk without a network."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from support.records import bench_case, bench_record, eval_record

from ovw.config import build
from ovw.record import write_record
from ovw.report.config import ReportConfig
from ovw.report.pipeline import write_report
from ovw.scoring.hypothesis import Hypothesis

pytestmark = pytest.mark.browser
ENGINES = ("openvino", "openvino-genai", "faster-whisper")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three artifacts and three engines."""
    folder = tmp_path_factory.mktemp("report")
    for number, name in enumerate(("tiny", "base", "small"), start=1):
        cases = [bench_case(f"{engine} {name}", scale=number, engine=engine) for engine in ENGINES]
        write_record(bench_record(*cases), folder / f"{name}.json")
    run = folder / "run"
    run.mkdir()
    write_record(eval_record(), run / "record.json")
    texts = [("a", "the cat sat", "the waste coat sat"), ("b", "one two", "one two"), ("c", "over there", "there")]
    lines = [Hypothesis(name, "", 4.0, "en", ref, hyp).to_json() for name, ref, hyp in texts]
    (run / "hypotheses.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    records = [str(path) for path in (*folder.glob("*.json"), run)]
    return write_report(build(ReportConfig, {"records": records, "output": str(folder / "report.html")}))[0]


@pytest.fixture
def problems() -> list[str]:
    return []


def opened(browser: Any, report: Path, problems: list[str], **options: Any) -> Any:
    page = browser.new_context(offline=True, **options).new_page()
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda asked: None if asked.url.startswith(("file:", "data:")) else problems.append(asked.url))
    page.goto(report.as_uri())
    page.wait_for_function("[...document.querySelectorAll('.chart')].every((chart) => chart.querySelector('svg'))")
    return page


def test_every_chart_has_marks(browser: Any, report: Path, problems: list[str]) -> None:
    page = opened(browser, report, problems)
    marks = "[...document.querySelectorAll('.chart')].map((one) => one.querySelectorAll('.role-mark path, .role-mark line, .role-mark rect').length)"
    found = page.evaluate(marks)
    assert len(found) > 5
    assert min(found) > 0
    assert problems == []


def test_it_is_small_and_quick(browser: Any, report: Path, problems: list[str]) -> None:
    assert report.stat().st_size < 6_000_000
    started = time.perf_counter()
    page = opened(browser, report, problems)
    painted = page.evaluate(
        "performance.getEntriesByType('paint').find((one) => one.name === 'first-contentful-paint').startTime"
    )
    assert painted < 2000
    assert time.perf_counter() - started < 60  # all charts, on any machine


def test_utterances_are_filtered(browser: Any, report: Path, problems: list[str]) -> None:
    page = opened(browser, report, problems)
    shown = page.locator(".utterance")
    assert shown.count() == 2  # those with errors
    assert page.locator(".utterance del").first.inner_text() == "cat"
    page.select_option("#kind", "all")
    assert shown.count() == 3
    page.fill("#search", "over")
    assert shown.count() == 1
    page.fill("#search", "")
    for kind, count in (("substitute", 1), ("delete", 1), ("insert", 1)):
        page.select_option("#kind", kind)
        assert shown.count() == count


@pytest.mark.parametrize("width", [390, 1440])
def test_nothing_overflows(browser: Any, report: Path, problems: list[str], width: int) -> None:
    page = opened(browser, report, problems, viewport={"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_accessibility(browser: Any, report: Path, problems: list[str], scheme: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page = opened(browser, report, problems, color_scheme=scheme)
    found = Axe().run(page).response["violations"]
    assert [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in ("serious", "critical")] == []
