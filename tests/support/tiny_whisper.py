"""The tiny random Whisper: two layers, real vocabularies, 80 or 128 mels."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ovw.convert.config import ConvertConfig
from ovw.convert.pipeline import convert
from ovw.convert.plan import Converted
from ovw.convert.sources.checkpoint import tensor_shapes
from ovw.convert.sources.random import random_checkpoint
from ovw.models import Dims

ROOT = Path(__file__).resolve().parents[2]
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


def convert_one(config: ConvertConfig) -> Converted:
    """The one artifact that a configuration asks for."""
    (made,) = convert(config)
    return made


def convert_pt(folder: Path, dims: Dims, precision: str = "fp16") -> Converted:
    pt = save_pt(folder / "custom.pt", dims)
    return convert_one(ConvertConfig(weights=str(pt), precision=precision, output=folder / "artifact"))
