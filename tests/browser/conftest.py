"""A browser, and `ovw ui` in a process of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.tiny_whisper import ROOT

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium of this machine: `OVW_CHROMIUM`, or the first that is found."""
    from playwright.sync_api import sync_playwright

    found = os.environ.get("OVW_CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.fail("no Chromium is installed; OVW_CHROMIUM may name one")
    with sync_playwright() as play:
        options = ["--no-sandbox", "--disable-background-networking", "--autoplay-policy=no-user-gesture-required"]
        opened = play.chromium.launch(executable_path=found, args=options)
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An `OVW_HOME` with the real base in it."""
    folder = tmp_path_factory.mktemp("home")
    command = [sys.executable, "-m", "ovw", "convert", "--size", "base", "--fp16", "--offline", "-q"]
    subprocess.run(command, check=True, env={**os.environ, "OVW_HOME": str(folder)}, cwd=ROOT)
    return folder


@pytest.fixture(scope="session")
def server(home: Path) -> Iterator[subprocess.Popen[str]]:
    """The page's process; its first line is the address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "ovw", "ui", "--port", "0"],
        env={**os.environ, "OVW_HOME": str(home), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    yield process
    process.terminate()
    process.wait(20)
    assert process.stdout
    process.stdout.close()


@pytest.fixture(scope="session")
def address(server: subprocess.Popen[str]) -> str:
    """Of the page."""
    assert server.stdout
    return server.stdout.readline().split()[0]
