"""Shape bounds: how they are written, what follows from the dimensions, what is refused."""

from typing import Any

import pytest
from support.tiny_whisper import TINY, TINY_V3

from ovw.artifact.layouts import LAYOUTS, split_name
from ovw.artifact.manifest import Shapes
from ovw.artifact.names import artifact_name
from ovw.config import build
from ovw.convert.config import ConvertConfig
from ovw.convert.graphs.shapes import Bounds
from ovw.errors import UsageError
from ovw.models import sizes


@pytest.mark.parametrize(
    ("written", "meant"), [("1..5", (1, 5)), ("1:5", (1, 5)), ("4", (4, 4)), (4, (4, 4)), ([1, 3], (1, 3))]
)
def test_ranges(written: Any, meant: tuple[int, int]) -> None:
    bounds = build(Bounds, {"shapes": "bounded", "batch": written})
    assert bounds.batch == meant
    assert build(Bounds, bounds.model_dump(mode="json")) == bounds


@pytest.mark.parametrize("written", ["", "many", "1...5", "-1..2", "1,5", "5..1", 1.5, [1, 2, 3]])
def test_what_is_no_range(written: Any) -> None:
    with pytest.raises(UsageError, match="batch"):
        build(Bounds, {"shapes": "bounded", "batch": written})


@pytest.mark.parametrize("size", sizes())
def test_bounds_follow_from_the_dimensions(size: str) -> None:
    dims = sizes()[size].dims
    bounded = Bounds(shapes="bounded").resolve(dims, "stateless")
    assert bounded == Shapes(kind="bounded", batch=(1, 5), tokens=(1, 448), cache=(0, 448), frames=(1, 3000))
    encoder, decoder = LAYOUTS["stateless"].graphs(size, dims, bounded)
    assert encoder.inputs["mel"] == ((1, 5), (dims.n_mels, dims.n_mels), (1, 3000))
    assert decoder.inputs["tokens"] == ((1, 5), (1, 448))
    state = (dims.n_text_state, dims.n_text_state)
    assert decoder.inputs["audio_features"] == ((1, 5), (1, 1500), state)
    assert decoder.inputs["in_v_1a"] == ((1, 5), (0, 448), state)
    assert decoder.inputs["in_k_1c"] == ((1, 5), (0, 1500), state)


def test_what_each_layout_makes_of_static() -> None:
    static = Bounds(shapes="static", batch="2", frames="1000")
    assert str(static.resolve(TINY, "stateless")) == "static: batch 2, tokens 1, cache 448, frames 1000"
    assert str(static.resolve(TINY, "genai")) == "static: batch 2, tokens 1..448, cache 0..448, frames 1000"
    assert str(static.resolve(TINY, "whispercpp")) == "static: batch 1, frames 1000"
    assert str(Bounds().resolve(TINY, "whispercpp")) == "static: batch 1, frames 3000"
    assert str(Bounds().resolve(TINY_V3, "onnx")) == "dynamic: batch 1.., tokens 1..448, cache 0..448, frames 1..3000"


@pytest.mark.parametrize(
    ("asked", "layout", "word"),
    [
        ({"shapes": "dynamic", "batch": "1..4"}, "genai", "no place in dynamic shapes"),
        ({"shapes": "bounded", "tokens": "1..449"}, "genai", "takes 1..448"),
        ({"shapes": "bounded", "batch": f"1..{10**23}"}, "genai", "takes 1..65536"),
        ({"shapes": "bounded", "tokens": "0..4"}, "genai", "takes 1..448"),
        ({"shapes": "bounded", "frames": "1..3001"}, "genai", "takes 1..3000"),
        ({"shapes": "bounded", "cache": "0..500"}, "stateless", "takes 0..448"),
        ({"shapes": "bounded", "cache": "0..8"}, "stateless", "holds no prompt"),
        ({"shapes": "bounded", "batch": "0"}, "genai", "takes 1.."),
        ({"shapes": "static", "frames": "1..3000"}, "genai", "is a range"),
        ({"shapes": "static", "frames": "999"}, "whispercpp", "is odd"),
        ({"shapes": "static", "tokens": "20", "cache": "16"}, "stateless", "cannot hold"),
        ({"shapes": "bounded"}, "onnx", "onnx layout has no bounded"),
    ],
)
def test_refused_with_the_allowed_range(asked: dict[str, Any], layout: str, word: str) -> None:
    with pytest.raises(UsageError, match=word) as failure:
        build(Bounds, asked).resolve(TINY, layout)
    assert failure.value.hint


def test_a_named_size_is_checked_before_its_weights_are_loaded() -> None:
    with pytest.raises(UsageError, match=r"tokens 1\.\.500"):
        ConvertConfig(size="base", shapes="bounded", tokens="1..500")
    with pytest.raises(UsageError, match="static stateless"):
        ConvertConfig(size="base", shapes="static", layout="stateless", frontend="onnx")
    with pytest.raises(UsageError, match="without the whispercpp layout"):
        ConvertConfig(size="base", ggml_name="ggml-base-q5_0.bin")
    with pytest.raises(UsageError, match="not the name of a ggml file"):
        ConvertConfig(size="base", layout="whispercpp", ggml_name="../x")


@pytest.mark.parametrize("layout", ["genai", "stateless", "whispercpp", "onnx"])
@pytest.mark.parametrize("model", ["base", "tiny.en", "large-v3-turbo", "my-onnx"])
def test_folder_names(model: str, layout: str) -> None:
    folder = artifact_name(model, "fp16", layout)
    assert folder == (f"{model}-fp16" if layout == "genai" else f"{model}-fp16-{layout}")
    assert split_name(folder) == (model, "fp16", layout)
