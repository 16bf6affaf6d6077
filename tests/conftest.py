"""Shared fixtures: a tiny random Whisper, and the real base and tiny.en from their weights packages."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np
import pytest

# nothing of the user's own cache may help or suffer
os.environ["OVW_HOME"] = tempfile.mkdtemp(prefix="ovw-tests-")

from ovw.audio.decode import load_audio
from ovw.convert.pipeline import Converted, convert
from ovw.convert.plan import ConvertConfig
from ovw.convert.sources.checkpoint import tensor_shapes
from ovw.convert.sources.random import random_checkpoint
from ovw.models import Dims

ROOT = Path(__file__).resolve().parent.parent
DEMO_VIDEO = ROOT / "demo" / "ovw-demo.mp4"
SELFTEST_CLIP = ROOT / "ovw" / "assets" / "selftest.flac"

TINY = Dims(
    n_mels=80, n_audio_ctx=1500, n_audio_state=128, n_audio_head=2, n_audio_layer=2,
    n_vocab=51865, n_text_ctx=448, n_text_state=128, n_text_head=2, n_text_layer=2,
)  # fmt: skip
TINY_V3 = Dims(**TINY.as_dict() | {"n_mels": 128, "n_vocab": 51866})
TINY_EN = Dims(**TINY.as_dict() | {"n_vocab": 51864})


def save_pt(path: Path, dims: Dims, tensors: dict | None = None) -> Path:
    """A checkpoint file as OpenAI publishes them."""
    import torch

    state = tensors or dict(random_checkpoint(dims).tensors)
    assert set(state) == set(tensor_shapes(dims))
    torch.save(
        {"dims": dims.as_dict(), "model_state_dict": {k: torch.from_numpy(np.array(v)) for k, v in state.items()}}, path
    )
    return path


def convert_pt(folder: Path, dims: Dims, precision: str = "fp16") -> Converted:
    pt = save_pt(folder / "custom.pt", dims)
    return convert(ConvertConfig(weights=str(pt), precision=precision, output=folder / "artifact"))[0]


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
    return convert(config)[0]


@pytest.fixture(scope="session")
def real_tiny_en(tmp_path_factory: pytest.TempPathFactory) -> Converted:
    """The real tiny.en, FP16, from its weights package."""
    config = ConvertConfig(size="tiny.en", output=tmp_path_factory.mktemp("t") / "tiny.en-fp16", offline=True)
    return convert(config)[0]


@pytest.fixture(scope="session")
def demo_samples() -> np.ndarray:
    return load_audio(DEMO_VIDEO)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty `$OVW_HOME`."""
    monkeypatch.setenv("OVW_HOME", str(tmp_path / "home"))
    return tmp_path / "home"
