"""The configuration of `ovw convert`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from ovw.artifact.layouts import layout_row
from ovw.artifact.names import GGML_ENCODER_ENDING
from ovw.artifact.precisions import precision_row
from ovw.choices import FrontendName, KindOfShapes
from ovw.config import Config, as_list
from ovw.convert.compression.recipe import Recipe, recipe_for
from ovw.convert.graphs.shapes import AXES, Bounds, Range
from ovw.convert.sources.checkpoint import PICKLED
from ovw.datasets.bundled import BUNDLED
from ovw.datasets.resolve import DatasetOptions
from ovw.errors import UsageError
from ovw.home import real_path, user_path
from ovw.models import find_size, is_size

GGML_NAME = re.compile(r"[\w.-]+")


def _as_dataset(value: Any) -> Any:
    """`librispeech:dev-clean`, a file or a folder as dataset options."""
    if not isinstance(value, str):
        return value
    name, colon, split = value.partition(":")
    named = colon and not Path(value).exists() and not value.startswith("hf:")
    return {"dataset": name, "split": split} if named else {"dataset": value}


def _known_precision(name: str) -> str:
    return precision_row(name).name


def _known_layout(name: str) -> str:
    return layout_row(name).name


def _none_is_none(value: Any) -> Any:
    return None if value == "none" else value


Speech = Annotated[DatasetOptions, BeforeValidator(_as_dataset)]
"""A dataset, or its name."""


class ConvertConfig(Config):
    """One `ovw convert`: every size in every precision."""

    size: Annotated[tuple[str, ...], BeforeValidator(as_list)] = ()
    """Whisper sizes, such as `base` or `large-v3`."""
    weights: str | None = None
    """`random`, an OpenAI name, a `.pt` or ggml `.bin` file, a Hugging Face or CTranslate2 folder, or `hf:owner/name`;
    by default what the size offers."""
    precision: Annotated[tuple[Annotated[str, AfterValidator(_known_precision)], ...], BeforeValidator(as_list)] = (
        "fp16",
    )
    """Of the stored weights."""
    layout: Annotated[tuple[Annotated[str, AfterValidator(_known_layout)], ...], BeforeValidator(as_list)] = ("genai",)
    """Layouts, an artifact each."""
    frontend: FrontendName = "graph"
    """Frontend of the graphs: `graph` (built op by op) or `onnx` (torch -> ONNX -> IR)."""
    shapes: KindOfShapes = "dynamic"
    """`dynamic`; `bounded`, the bounds written into the inputs; or `static`, one shape."""
    batch: Range | None = None
    """Rows of bounded or static shapes, such as `1..5`."""
    tokens: Range | None = None
    """Tokens in a call of the decoder; by default up to the text context."""
    cache: Range | None = None
    """Positions in a cache that is an input; by default up to the text context."""
    frames: Range | None = None
    """Mel frames of a window, 100 a second; by default up to 30 seconds."""
    ggml_name: Annotated[tuple[str, ...], BeforeValidator(as_list)] = ()
    """Further ggml files, such as `ggml-base-q5_0.bin`, that shall find the whispercpp layout's encoder."""
    recipe: Recipe | None = None
    """A recipe in place of those that come with ovw."""
    calibration: Speech = DatasetOptions(dataset=BUNDLED, split="calibration")
    """Speech to find the ranges of activations with: as `ovw eval` takes datasets (`librispeech:train-clean-100`, a
    manifest), or any folder of audio. Not to be scored afterwards."""
    gate: Annotated[Speech | None, BeforeValidator(_none_is_none)] = DatasetOptions(dataset=BUNDLED, split="test")
    """Speech with texts to hold a compressed artifact against the fp32 IR on, what calibrates left out; `none` for no
    such comparison."""
    max_wer_delta: float = Field(default=0.5, ge=0)
    """Percentage points of WER that compressing may cost."""
    tune: bool = False
    """Search for the best recipe, from the one that would be used."""
    accept_wer: bool = False
    """Keep a compressed artifact that costs more."""
    output: Annotated[Path | None, AfterValidator(lambda path: path and user_path(path))] = None
    """The artifact's folder, or the parent of several; by default the named artifacts of this machine."""
    force: bool = False
    """Replace an existing artifact, once the new one has passed."""
    offline: bool = False
    """Open no connection."""
    skip_memory_check: bool = False
    """Begin even if the estimate of the memory that is needed is above what is free."""

    @model_validator(mode="before")
    @classmethod
    def _size_by_weights(cls, values: dict[str, Any]) -> dict[str, Any]:
        """The name of a size, given as weights, means the size with the weights that it offers."""
        weights = values.get("weights")
        if not isinstance(weights, str) or not is_size(weights) or Path(weights).exists():
            return values
        asked = as_list(values.get("size")) or [weights]
        if [find_size(name) for name in asked] != [find_size(weights)]:
            raise UsageError(f"weights {weights} are not of size {', '.join(asked)}", "leave out --weights or --size")
        return {**values, "size": asked, "weights": None}

    @model_validator(mode="after")
    def _check(self) -> ConvertConfig:
        for name in self.size:
            find_size(name)
        if not self.size and not self.weights:
            raise UsageError("neither a size nor weights were given", "try --size base")
        if not self.size and self.weights == "random":
            raise UsageError("random weights need a size", "add --size base, or another of `ovw models`")
        if len(self.size) > 1 and self.weights not in (None, "random"):
            raise UsageError(f"{self.weights} cannot be {len(self.size)} sizes at once", "give one --size, or none")
        if not self.precision or not self.layout:
            raise UsageError("precision or layout is empty", "leave it out for the default")
        self._check_shapes()
        self._check_compression()
        if self.ggml_name and not any(layout_row(layout).has_ggml for layout in self.layout):
            raise UsageError("--ggml-name without the whispercpp layout", "add --layout whispercpp")
        if wrong := [name for name in self.ggml_stems() if not GGML_NAME.fullmatch(name)]:
            raise UsageError(f"'{wrong[0]}' is not the name of a ggml file", "such as ggml-base-q5_0.bin")
        return self

    def _check_shapes(self) -> None:
        """Refuse now what would be refused after the weights are loaded."""
        self.bounds().check()
        for name in self.size:
            for layout in self.layout:
                self.bounds().resolve(find_size(name).dims, layout)
        rows = map(layout_row, self.layout)
        in_ports = any(row.runtime == "openvino" and row.cache == "ports" for row in rows)
        if self.frontend == "onnx" and self.shapes == "static" and in_ports:
            raise UsageError("--frontend onnx makes no static stateless decoder", "leave out one of the two")

    def _check_compression(self) -> None:
        compressed = [precision for precision in self.precision if precision_row(precision).compressed]
        rigid = [layout for layout in self.layout if not layout_row(layout).compresses]
        if compressed and rigid:
            raise UsageError(
                f"the {rigid[0]} layout has no {compressed[0]}", "choose fp32 or fp16, or another --layout"
            )
        if self.recipe and len(compressed) != 1:
            raise UsageError(f"a recipe is for one compressed precision, not for {compressed or 'none'}", "name one")

        if self.tune and not compressed:
            raise UsageError("--tune has no recipe to search for", "add --precision int8-ptq")
        if self.tune and not self.scores_words:
            raise UsageError("--tune needs words to judge by", "leave out --gate none and --weights random")

    @property
    def scores_words(self) -> bool:
        """Whether a compressed artifact is judged by its words; those of random weights mean nothing."""
        return self.gate is not None and self.weights != "random"

    def recipe_of(self, precision: str, size: str | None) -> Recipe | None:
        """The recipe of a precision for a model of a size; `None` if it does not compress."""
        known = recipe_for(precision, size)
        return self.recipe or known if known else None

    def bounds(self) -> Bounds:
        """The requested shapes."""
        return Bounds(shapes=self.shapes, **{axis: getattr(self, axis) for axis in AXES})

    def ggml_stems(self) -> list[str]:
        """The further ggml names without `.bin`."""
        return [name.removesuffix(".bin") for name in dict.fromkeys(self.ggml_name)]

    def frontend_of(self, layout: str) -> FrontendName:
        """The frontend of a layout's graphs; ONNX files come from torch.onnx in any case."""
        return layout_row(layout).frontend or self.frontend

    def ggml_files(self, layout: str) -> set[str]:
        """The encoders under further names that an artifact of a layout shall hold."""
        stems = self.ggml_stems() if layout_row(layout).has_ggml else []
        return {f"{stem}{GGML_ENCODER_ENDING}.{end}" for stem in stems for end in ("xml", "bin")}

    def models(self) -> list[tuple[str, str | None]]:
        """Name and size of every model; a size's own weights have its name, all others one of their own."""
        chosen = list(dict.fromkeys(find_size(name).name for name in self.size))
        if self.weights is None:
            return [(name, name) for name in chosen]
        if self.weights == "random":
            return [(f"{name}-random", name) for name in chosen]
        return [(name_of_weights(self.weights), chosen[0] if chosen else None)]


def name_of_weights(weights: str) -> str:
    """The name of a checkpoint: the stem of its file, its folder or its repository, and never as a size is called."""
    last = weights.partition("@")[0] if weights.startswith("hf:") else real_path(user_path(weights)).as_posix()
    name = last.rpartition("/")[2]
    ending = next((ending for ending in (*PICKLED, ".bin") if name.endswith(ending)), "")
    stem = name.removesuffix(ending) or "custom"
    return f"{stem}-custom" if is_size(stem) else stem
