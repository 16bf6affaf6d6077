"""One case: an engine, a model and a point on every axis; and the jobs of its child processes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from ovw.benchmark.config import Stage
from ovw.config import Config
from ovw.runtime.device import DeviceOptions

LAYERS_OF = "layers of "
"""Begins names of graphs whose layers are left out."""


class CaseSpec(Config):
    """A case."""

    name: str
    """Its settings in short; cases of two records with the same name are compared."""
    engine: str = "openvino"
    model: str
    """A folder or a file."""
    layout: str | None = None
    """Of an artifact."""
    precision: str | None = None
    """In the engine's own words, where it is not the model that decides."""
    python: str | None = None
    """The interpreter, where it is not this one."""
    device: DeviceOptions = DeviceOptions()
    shapes: Literal["artifact", "static"] = "artifact"
    frames: int = 3000
    batch: int = 1
    beam_size: int = 1
    stages: tuple[Stage, ...]

    @property
    def folder(self) -> Path:
        return Path(self.model)

    def axes(self) -> dict[str, Any]:
        """The case as a record describes it."""
        described = self.model_dump(mode="json", exclude={"name", "model", "device", "python"}, exclude_none=True)
        running = self.device.model_dump(mode="json", exclude={"profile", "precision"})
        return described | running | {"inference_precision": self.device.precision or "default"}


class Timing(Config):
    """When a stage has been timed enough: at least so many iterations and so many seconds, within a limit."""

    iterations: int
    seconds: float
    warmup: int
    limit: float
    """Seconds for all stages of a process together."""


class GraphJob(Config):
    """The job of a child process that times the graphs of an artifact."""

    case: CaseSpec
    cache: tuple[int, ...]
    timing: Timing
    count: bool = False
    """Also count operations and bytes of the stages."""
    layers: bool = False
    """Time every layer instead of the stages."""


class PeakJob(Config):
    """The job of a child process that measures what the machine can do."""

    device: DeviceOptions
    seconds: float
