"""Shared fixtures: a tiny random Whisper, and the real base and tiny.en from their weights packages."""

from __future__ import annotations

import logging
import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

# nothing of the user's own cache may help or suffer
os.environ["OVW_HOME"] = tempfile.mkdtemp(prefix="ovw-tests-")

from support import no_network
from support.tiny_whisper import DEMO_VIDEO, TINY, TINY_EN, TINY_V3, convert_one, convert_pt, save_pt

from ovw.audio.decode import load_audio
from ovw.convert.config import ConvertConfig
from ovw.convert.plan import Converted

# in the background of a script Ctrl-C is ignored, by whatever the tests start too
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def ovw_logs() -> None:
    """Warnings of ovw reach the test, whatever a library has done to logging before."""
    logging.disable(logging.NOTSET)
    logging.getLogger().setLevel(logging.WARNING)
    for name in [name for name in logging.root.manager.loggerDict if name.split(".")[0] == "ovw"]:
        logger = logging.getLogger(name)
        logger.disabled, logger.propagate = False, True
        logger.setLevel(logging.NOTSET)


@pytest.fixture(autouse=True)
def no_connections() -> Iterator[None]:
    """No test may reach out, nor anything it starts."""
    no_network.LOG.unlink(missing_ok=True)
    yield
    assert not no_network.LOG.exists(), no_network.LOG.read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def tiny_pt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_pt(tmp_path_factory.mktemp("pt") / "tiny-random.pt", TINY)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Converted:
    return convert_pt(tmp_path_factory.mktemp("tiny"), TINY)


@pytest.fixture(scope="session")
def tiny_v3(tmp_path_factory: pytest.TempPathFactory) -> Converted:
    return convert_pt(tmp_path_factory.mktemp("tiny-v3"), TINY_V3)


@pytest.fixture(scope="session")
def tiny_en_random(tmp_path_factory: pytest.TempPathFactory) -> Converted:
    return convert_pt(tmp_path_factory.mktemp("tiny-en"), TINY_EN)


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Converted:
    """The real base, FP16, from its weights package."""
    config = ConvertConfig(size="base", output=tmp_path_factory.mktemp("base") / "base-fp16", offline=True)
    return convert_one(config)


@pytest.fixture(scope="session")
def real_tiny_en(tmp_path_factory: pytest.TempPathFactory) -> Converted:
    """The real tiny.en, FP16, from its weights package."""
    config = ConvertConfig(size="tiny.en", output=tmp_path_factory.mktemp("t") / "tiny.en-fp16", offline=True)
    return convert_one(config)


@pytest.fixture(scope="session")
def demo_samples() -> np.ndarray:
    return load_audio(DEMO_VIDEO)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty `$OVW_HOME`."""
    monkeypatch.setenv("OVW_HOME", str(tmp_path / "home"))
    return tmp_path / "home"
