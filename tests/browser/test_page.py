"""`ovw ui` as a person uses it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from support.tiny_whisper import DEMO_VIDEO

pytestmark = [pytest.mark.browser, pytest.mark.weights]
GERMAN_SPEECH = Path(__file__).with_name("german.flac")
WAIT_MS = 120_000
SETTLED_MS = 1500
ACTIVE = """async (times) => {
    const video = document.querySelector("#player video"), seen = [];
    video.muted = true;
    for (const time of times) {
        video.currentTime = time;
        await new Promise((done) => video.addEventListener("seeked", done, { once: true }));
        await video.play();
        await new Promise((done) => setTimeout(done, 300));
        video.pause();
        const cues = [...video.textTracks[0].activeCues];
        seen.push([video.currentTime, cues.map((cue) => [cue.startTime, cue.endTime, cue.text])]);
    }
    return seen;
}"""

FIRST_CUE = """() => /welcome/.test(document.querySelector('#cues [data-row="0"][data-col="2"]')?.innerText)"""


@pytest.fixture
def outside() -> list[str]:
    """Requests to other servers."""
    return []


@pytest.fixture
def page(browser: Any, address: str, outside: list[str]) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1440, "height": 1000}, accept_downloads=True)
    opened = context.new_page()
    own = (address, "data:", "blob:")
    opened.on("request", lambda asked: None if asked.url.startswith(own) else outside.append(asked.url))
    visit(opened, address)
    yield opened
    context.close()


def visit(page: Any, address: str) -> None:
    """Open the page and wait until its parts answer."""
    page.goto(address)
    page.wait_for_selector("#start")
    page.wait_for_timeout(SETTLED_MS)


def transcribe(page: Any, media: Path) -> str:
    """Upload, start, wait for the end; the status."""
    page.set_input_files("#upload input[type=file]", str(media))
    page.get_by_text(media.name).first.wait_for()
    page.click("#start")
    page.wait_for_function("/^done|\\.$/.test(document.querySelector('#status').innerText.trim())", timeout=WAIT_MS)
    return str(page.inner_text("#status"))


def command_line(home: Path, folder: Path) -> str:
    command = [sys.executable, "-m", "ovw", "transcribe", str(DEMO_VIDEO), "-o", str(folder), "-q"]
    subprocess.run(command, check=True, env={**os.environ, "OVW_HOME": str(home)})
    return (folder / f"{DEMO_VIDEO.stem}.srt").read_text(encoding="utf-8")


def download(page: Any, target: Path) -> str:
    with page.expect_download() as wanted:
        page.locator("#files a").first.click()
    wanted.value.save_as(target)
    return target.read_text(encoding="utf-8")


def test_a_video_with_its_subtitles(page: Any, home: Path, tmp_path: Path, outside: list[str]) -> None:
    assert transcribe(page, DEMO_VIDEO).startswith("done: ")
    page.wait_for_selector("#player video")
    for now, cues in page.evaluate(ACTIVE, [2, 8, 14, 19]):
        ((start, end, text),) = cues
        assert start <= now <= end
        assert text
    expected = command_line(home, tmp_path)
    assert download(page, tmp_path / "page.srt") == expected

    cell = page.locator('#cues [data-row="3"][data-col="2"]').first
    words = cell.inner_text()
    cell.dblclick()
    page.keyboard.press("Control+A")
    page.keyboard.type("Edited by hand.")
    page.keyboard.press("Enter")
    page.click("#apply")
    page.get_by_text("the edited cues are in the files").wait_for()
    page.wait_for_timeout(1000)
    assert download(page, tmp_path / "edited.srt") == expected.replace(words, "Edited by hand.")
    assert outside == []


def test_german_is_translated(page: Any, tmp_path: Path) -> None:
    page.get_by_label("translate to English").check()
    assert transcribe(page, GERMAN_SPEECH).endswith("language de")
    text = download(page, tmp_path / "german.srt")
    assert "small house" in text
    assert "a cat" in text


def test_a_recording_becomes_text_while_it_goes_on(page: Any, tmp_path: Path, scratch: Path) -> None:
    page.locator("#recorded").get_by_role("button", name="Record").click()
    page.wait_for_function(FIRST_CUE, timeout=WAIT_MS)
    status = page.inner_text("#status")
    assert status.startswith("recording: "), status
    page.locator("#recorded").get_by_role("button", name="Stop").click()
    page.wait_for_function("/^done/.test(document.querySelector('#status').innerText.trim())", timeout=WAIT_MS)
    page.wait_for_selector("#sound audio", state="attached")
    assert "Hello and welcome" in download(page, tmp_path / "page.srt")
    page.locator("#upload").get_by_text("recording").wait_for()
    (file,) = scratch.rglob("recording.wav")
    page.close()
    assert eventually(lambda: not file.parent.exists())


def test_files_go_with_their_tab(page: Any, scratch: Path) -> None:
    transcribe(page, DEMO_VIDEO)
    page.wait_for_selector("#player video")
    assert list(scratch.rglob(DEMO_VIDEO.name))
    page.close()
    assert eventually(lambda: not [path for path in scratch.rglob("*") if path.suffix in (".mp4", ".srt", ".vtt")])


def eventually(holds: Callable[[], bool], timeout_s: float = 60.0) -> bool:
    """Whether something comes to hold."""
    deadline = time.monotonic() + timeout_s
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.2)
    return holds()


def test_a_text_file_is_explained(page: Any, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("no sound here\n" * 20, encoding="utf-8")
    assert "note.txt is a file of text" in transcribe(page, tmp_path / "note.txt")


def test_two_users_get_their_own(browser: Any, address: str, page: Any, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("no sound here\n" * 20, encoding="utf-8")
    other = browser.new_page()
    visit(other, address)
    other.set_input_files("#upload input[type=file]", str(tmp_path / "note.txt"))
    other.get_by_text("note.txt").first.wait_for()
    other.click("#start")
    assert transcribe(page, DEMO_VIDEO).startswith("done: 4 cues")
    assert "is a file of text" in other.inner_text("#status")
    other.close()


def begin(page: Any, tab: str, button: str, steps: str, step: str) -> None:
    """Start work in a tab and wait for a step of it."""
    page.get_by_role("tab", name=tab).click()
    page.click(button)
    page.locator(steps).get_by_text(step).first.wait_for(timeout=WAIT_MS)


def gone(server: subprocess.Popen[str]) -> bool:
    """Whether the processes of stopped work end."""
    children = psutil.Process(server.pid).children(recursive=True)
    working = [child for child in children if "resource_tracker" not in " ".join(child.cmdline())]
    return not psutil.wait_procs(working, timeout=30)[1]


def test_a_conversion_is_stopped(page: Any, server: subprocess.Popen[str], home: Path) -> None:
    """By its button, and by closing the tab."""
    before = sorted((home / "models").iterdir())
    page.get_by_role("tab", name="Convert").click()
    page.locator("#precision input").fill("fp32")
    page.keyboard.press("Enter")
    begin(page, "Convert", "#convert", "#convert-steps", "writing fp32")
    assert list((home / "models").glob(".base-fp32.partial-*"))
    page.click("#stop-convert")
    page.locator("#convert-steps").get_by_text("stopped").wait_for()
    assert gone(server)
    assert sorted((home / "models").iterdir()) == before
    begin(page, "Convert", "#convert", "#convert-steps", "comparing fp32")
    page.close()
    assert gone(server)
    assert sorted((home / "models").iterdir()) == before


def test_measuring_is_stopped(page: Any, server: subprocess.Popen[str], home: Path) -> None:
    """By its button, and by closing the tab."""
    page.get_by_role("tab", name="Measure").click()
    page.locator("#artifacts").get_by_label("base-fp16").check()
    begin(page, "Measure", "#measure", "#measure-steps", "what the machine can do")
    page.click("#stop-measure")
    page.locator("#measure-steps").get_by_text("stopped").wait_for()
    assert gone(server)
    begin(page, "Measure", "#measure", "#measure-steps", "round 1")
    page.close()
    assert gone(server)
    assert not list((home / "bench").iterdir())


@pytest.mark.parametrize("width", [390, 1440])
def test_nothing_overflows(browser: Any, address: str, width: int) -> None:
    opened = browser.new_page(viewport={"width": width, "height": 900})
    visit(opened, address)
    assert opened.evaluate("document.documentElement.scrollWidth") <= width
    opened.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("tab", ["Subtitles", "Convert", "Measure"])
def test_accessibility(page: Any, address: str, tab: str, scheme: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    visit(page, f"{address}?__theme={scheme}")
    page.get_by_role("tab", name=tab).click()
    page.wait_for_timeout(800)
    found = Axe().run(page).response["violations"]
    assert [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in ("serious", "critical")] == []
