"""A browser, and `ovw ui` in a process of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.tiny_whisper import DEMO_VIDEO, ROOT

from ovw.audio import SAMPLE_RATE
from ovw.audio.decode import load_audio

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def microphone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sound at the browser's microphone: the speech of the demo, and a pause."""
    file = tmp_path_factory.mktemp("microphone") / "speech.wav"
    pause = np.zeros(2 * SAMPLE_RATE, np.float32)
    samples = np.concatenate([load_audio(DEMO_VIDEO), pause])
    with wave.open(str(file), "wb") as writer:
        writer.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
        writer.writeframes((samples * 32767).astype("<i2").tobytes())
    return file


@pytest.fixture(scope="session")
def browser(microphone: Path) -> Iterator[Any]:
    """Chromium of this machine: `OVW_CHROMIUM`, or the first that is found."""
    from playwright.sync_api import sync_playwright

    found = os.environ.get("OVW_CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.fail("no Chromium is installed; OVW_CHROMIUM may name one")
    with sync_playwright() as play:
        options = ["--no-sandbox", "--disable-background-networking", "--autoplay-policy=no-user-gesture-required"]
        options += ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
        options += [f"--use-file-for-fake-audio-capture={microphone}"]
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
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder for the page's temporary files."""
    return tmp_path_factory.mktemp("scratch")


@pytest.fixture(scope="session")
def server(home: Path, scratch: Path) -> Iterator[subprocess.Popen[str]]:
    """The page's process; its first line is the address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "ovw", "ui", "--port", "0"],
        env={**os.environ, "OVW_HOME": str(home), "TMPDIR": str(scratch), "PYTHONUNBUFFERED": "1"},
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
