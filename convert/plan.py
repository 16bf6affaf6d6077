"""What to convert: the configuration of `ovw convert`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, model_validator

from ovw.config import Config, as_list
from ovw.errors import UsageError
from ovw.models import find_size, is_size

Precision = Literal["fp32", "fp16"]
Layout = Literal["genai"]


class ConvertConfig(Config):
    """One `ovw convert`: every size in every precision."""

    size: Annotated[tuple[str, ...], BeforeValidator(as_list)] = ()
    """Whisper sizes, such as `base` or `large-v3`."""
    weights: str | None = None
    """`random`, an OpenAI name, a `.pt` or ggml `.bin` file, a Hugging Face or CTranslate2 folder, or `hf:owner/name`;
    by default what the size offers."""
    precision: Annotated[tuple[Precision, ...], BeforeValidator(as_list)] = ("fp16",)
    """Of the stored weights."""
    layout: Annotated[tuple[Layout, ...], BeforeValidator(as_list)] = ("genai",)
    """What the files are named and arranged for."""
    shapes: Literal["dynamic"] = "dynamic"
    """Shape bounds of the IR's inputs."""
    output: Path | None = None
    """The artifact's folder, or the parent of several; by default the named artifacts of this machine."""
    force: bool = False
    """Replace an existing artifact, once the new one has passed."""
    offline: bool = False
    """Open no connection."""

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
        return self

    def models(self) -> list[tuple[str, str | None]]:
        """Name and size of every model; a size's own weights have its name, all others one of their own."""
        chosen = list(dict.fromkeys(find_size(name).name for name in self.size))
        if self.weights is None:
            return [(name, name) for name in chosen]
        if self.weights == "random":
            return [(f"{name}-random", name) for name in chosen]
        return [(name_of_weights(self.weights), chosen[0] if chosen else None)]


def name_of_weights(weights: str) -> str:
    """What to call a checkpoint: the stem of its file, its folder or its repository, and never as a size is called."""
    last = weights.partition("@")[0] if weights.startswith("hf:") else Path(weights).expanduser().resolve().as_posix()
    stem = last.rpartition("/")[2].removesuffix(".pt").removesuffix(".bin") or "custom"
    return f"{stem}-custom" if is_size(stem) else stem
