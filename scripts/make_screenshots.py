"""Write docs/pictures/: the web page, a report and the notebook, as Chromium shows them.

    .venv/bin/python scripts/make_screenshots.py RECORD...

The records are those that the report is made of. Needs `pip install '.[browser,notebook]'` and Chromium.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "pictures"
VIDEO = ROOT / "demo" / "ovw-demo.mp4"
WIDTH, HEIGHT = 1100, 1000
WAIT_MS = 120_000


@contextmanager
def chromium() -> Iterator[Page]:
    """A page of a browser."""
    found = os.environ.get("OVW_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        browser.close()


def shoot(page: Page, name: str, height: int) -> None:
    """Keep the upper part of what is shown."""
    page.screenshot(
        path=PICTURES / f"{name}.png", clip={"x": 0, "y": 0, "width": WIDTH, "height": height}, full_page=True
    )


def web_page(page: Page) -> None:
    """`ovw ui` with the demo transcribed."""
    command = [sys.executable, "-m", "ovw", "ui", "--port", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"})
    assert server.stdout
    page.goto(server.stdout.readline().split()[0])
    page.wait_for_selector("#start")
    page.set_input_files("#upload input[type=file]", str(VIDEO))
    page.get_by_text(VIDEO.name).first.wait_for()
    page.click("#start")
    page.get_by_text("done: ").wait_for(timeout=WAIT_MS)
    page.wait_for_selector("#player video")
    page.evaluate("document.querySelector('#player video').currentTime = 7")
    page.wait_for_timeout(1500)
    shoot(page, "page", 1500)
    server.terminate()
    server.wait()


def report(page: Page, records: list[str], folder: Path) -> None:
    """The page of `ovw report`."""
    target = folder / "report.html"
    subprocess.run([sys.executable, "-m", "ovw", "report", *records, "-o", str(target), "-q"], check=True)
    page.goto(target.as_uri())
    page.wait_for_function("[...document.querySelectorAll('.chart')].every((chart) => chart.querySelector('svg'))")
    shoot(page, "report", 1500)


def notebook(page: Page, folder: Path) -> None:
    """The notebook with its outputs."""
    source = ROOT / "notebooks" / "video-subtitles.ipynb"
    made = folder / "notebook.html"
    command = [sys.executable, "-m", "nbconvert", "--to", "html", str(source), "--output", str(made)]
    subprocess.run(command, check=True)
    page.goto(made.as_uri())
    page.wait_for_timeout(2000)
    shoot(page, "notebook", 1500)


if __name__ == "__main__":
    PICTURES.mkdir(exist_ok=True)
    with chromium() as opened, TemporaryDirectory() as scratch:
        web_page(opened)
        report(opened, sys.argv[1:], Path(scratch))
        notebook(opened, Path(scratch))
