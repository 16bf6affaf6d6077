"""Shared fixtures: a tiny random Whisper, and the real base and tiny.en from their weights packages."""

from __future__ import annotations

import gc
import logging
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.shared import open_shared_root, with_caches

# nothing of the user's own cache may help or suffer; compiled graphs and checks are kept for the whole run
os.environ["OVW_HOME"] = str(open_shared_root() / "home")
os.environ["XDG_CACHE_HOME"] = str(open_shared_root() / "caches")

from support import no_network
from support.cheaper import cheaper_conversions, measured_approximations
from support.command import end_fork_server
from support.tiny_whisper import DEMO_VIDEO, TINY_EN, TINY_V3, made_once, tiny_once, tiny_pt_once

from ovw.audio.decode import load_audio
from ovw.convert.config import ConvertConfig
from ovw.convert.plan import Converted

# in the background of a script Ctrl-C is ignored, by whatever the tests start too
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """Freeze what is imported: the garbage collector need not walk over all of it again and again."""
    gc.collect()
    gc.freeze()


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
def no_hidden_faults(request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """A fault of decoding together fails the test, though every recording is decoded alone then."""
    yield
    if "faulty_batches" not in request.keywords:
        assert [message for message in caplog.messages if "together they fail" in message] == []


@pytest.fixture(autouse=True)
def no_connections() -> Iterator[None]:
    """No test may reach out, nor anything it starts."""
    no_network.LOG.unlink(missing_ok=True)
    yield
    assert not no_network.LOG.exists(), no_network.LOG.read_text(encoding="utf-8")


@pytest.fixture(scope="session", autouse=True)
def less_is_computed_twice() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        cheaper_conversions(patch.setattr)
        yield
    end_fork_server()


@pytest.fixture(scope="session")
def tiny_pt() -> Path:
    return tiny_pt_once()


@pytest.fixture(scope="session")
def tiny() -> Converted:
    return tiny_once()


@pytest.fixture(scope="session")
def tiny_v3() -> Converted:
    return tiny_once(TINY_V3)


@pytest.fixture(scope="session")
def tiny_en_random() -> Converted:
    return tiny_once(TINY_EN)


@pytest.fixture(scope="session")
def base() -> Converted:
    """The real base, FP16, from its weights package."""
    with measured_approximations():
        return made_once(ConvertConfig(size="base", offline=True), "base")


@pytest.fixture(scope="session")
def real_tiny_en() -> Converted:
    """The real tiny.en, FP16, from its weights package."""
    with measured_approximations():
        return made_once(ConvertConfig(size="tiny.en", offline=True), "tiny.en")


@pytest.fixture(scope="session", params=["recorded", pytest.param("computed", marks=pytest.mark.slow)])
def theirs(request: pytest.FixtureRequest) -> Any:
    """openai-whisper's base."""
    from support.openai_whisper import OpenAiWhisper, RecordedWhisper  # brings torch along

    return RecordedWhisper() if request.param == "recorded" else OpenAiWhisper()


@pytest.fixture(scope="session")
def demo_samples() -> np.ndarray:
    return load_audio(DEMO_VIDEO)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty `$OVW_HOME`."""
    monkeypatch.setenv("OVW_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def warm_home(home: Path) -> Path:
    """A `$OVW_HOME` without artifacts; what is compiled and checked is that of the whole run."""
    return with_caches(home)
