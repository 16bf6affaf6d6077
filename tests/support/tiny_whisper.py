"""The tiny random Whisper: two layers, real vocabularies, 80 or 128 mels; its artifacts, made once a run."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ovw.convert.compression.recipe import GraphRecipe, Recipe
from ovw.convert.config import ConvertConfig
from ovw.convert.pipeline import convert
from ovw.convert.plan import Converted
from ovw.convert.sources.checkpoint import tensor_shapes
from ovw.convert.sources.random import random_checkpoint
from ovw.models import Dims
from support.shared import once

ROOT = Path(__file__).resolve().parents[2]
DEMO_VIDEO = ROOT / "demo" / "ovw-demo.mp4"
SELFTEST_CLIP = ROOT / "ovw" / "assets" / "selftest.flac"

TINY = Dims(
    n_mels=80, n_audio_ctx=1500, n_audio_state=128, n_audio_head=2, n_audio_layer=2,
    n_vocab=51865, n_text_ctx=448, n_text_state=128, n_text_head=2, n_text_layer=2,
)  # fmt: skip
TINY_V3 = Dims(**TINY.as_dict() | {"n_mels": 128, "n_vocab": 51866})
TINY_EN = Dims(**TINY.as_dict() | {"n_vocab": 51864})


CALIBRATED = Recipe(encoder=GraphRecipe(activations="int8", smooth_quant=0.5), decoder=GraphRecipe(), windows=4)
"""Of int8-ptq, with few windows."""


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


def made_once(config: ConvertConfig, name: str) -> Converted:
    """The artifact that a configuration asks for, made once a run in a folder of that name; nobody may change it."""
    return once(name, lambda folder: convert_one(config.model_copy(update={"output": folder / "artifact"})))


def tiny_pt_once(dims: Dims = TINY) -> Path:
    """The checkpoint file of random weights, `tiny-random.pt`."""
    return once(f"pt-{_label(dims)}", lambda folder: save_pt(folder / "tiny-random.pt", dims))


def tiny_once(dims: Dims = TINY, precision: str = "fp16", **values: object) -> Converted:
    """The artifact of random weights in a precision; a compressed one without the WER gate, as it has no words."""
    if precision.startswith("int"):
        values = {"gate": "none", **({"recipe": CALIBRATED} if precision == "int8-ptq" else {}), **values}
    config = ConvertConfig(weights=str(tiny_pt_once(dims)), precision=precision, **values)
    given = "-".join(str(value) for key, value in sorted(values.items()) if key not in ("gate", "recipe"))
    return made_once(config, "-".join(filter(None, (f"tiny-{_label(dims)}-{precision}", given))))


def _label(dims: Dims) -> str:
    return "-".join(map(str, dims.as_dict().values()))
