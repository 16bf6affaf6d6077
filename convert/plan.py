"""What to convert: the configuration of `ovw convert`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, model_validator

from ovw.config import Config, as_list
from ovw.errors import UsageError
from ovw.models import find_size

Precision = Literal["fp32", "fp16"]
Layout = Literal["genai"]


class ConvertConfig(Config):
    """One `ovw convert`: every size in every precision."""

    size: Annotated[tuple[str, ...], BeforeValidator(as_list)] = ()
    """Whisper sizes, such as `base` or `large-v3`."""
    weights: str | None = None
    """`random`, an OpenAI name, a `.pt` file or a CTranslate2 folder; by default what the size offers."""
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

    def names(self) -> list[str]:
        """The sizes by their full names, or the one custom checkpoint by its file's."""
        if self.size:
            return list(dict.fromkeys(find_size(name).name for name in self.size))
        return [Path(str(self.weights)).expanduser().resolve().name.removesuffix(".pt")]
