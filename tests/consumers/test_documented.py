"""The code of docs/consumers.md, run as it stands there on the real base."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.tiny_whisper import ROOT, SELFTEST_CLIP

from ovw.convert.config import ConvertConfig
from ovw.convert.pipeline import convert
from ovw.convert.plan import Converted

pytestmark = [pytest.mark.consumer, pytest.mark.weights]

TEXT = (ROOT / "docs" / "consumers.md").read_text(encoding="utf-8")
SNIPPETS = dict(re.findall(r"^## (.*)\n(?:(?!^## ).*\n)*?```python\n((?:.*\n)*?)```", TEXT, re.MULTILINE))


@pytest.fixture(scope="module")
def workplace(base: Converted, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `models/` in every layout that the code reads, and a clip."""
    folder = tmp_path_factory.mktemp("documented")
    for _ in convert(ConvertConfig(size="base", layout=["stateless", "onnx"], offline=True, output=folder / "models")):
        pass
    (folder / "models" / "base-fp16").symlink_to(base.folder)
    (folder / "talk.flac").symlink_to(SELFTEST_CLIP)
    return folder


def run(name: str, folder: Path, python: str = sys.executable, *more: str) -> str:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}  # optimum-intel's environment is without ovw
    command = [python, "-c", "\n".join([SNIPPETS[name], *more])]
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=folder, env=environment).stdout


def test_every_consumer_has_code() -> None:
    expected = ["openvino-genai", "optimum-intel", "openvino.Core, stateful", "openvino.Core, stateless", "onnxruntime"]
    assert list(SNIPPETS) == expected


@pytest.mark.parametrize(
    "name", ["openvino-genai", "openvino.Core, stateful", "openvino.Core, stateless", "onnxruntime"]
)
def test_it_says_what_was_said(workplace: Path, name: str) -> None:
    assert run(name, workplace).strip().lower() == "the weather is fine today, so we will walk to the river."


@pytest.mark.slow
def test_optimum_says_what_was_said(workplace: Path) -> None:
    python = os.environ.get("OVW_OPTIMUM_PYTHON")
    assert python, "make test-slow builds the environment and names it"
    again = SNIPPETS["optimum-intel"].partition("tokens = ")[2]
    beams = again.replace('task="transcribe"', 'task="transcribe", num_beams=5')
    assert beams != again
    text = run("optimum-intel", workplace, python, *(f"tokens = {call}" for call in (beams, beams)))
    assert text.count("walk to the river") == 3
