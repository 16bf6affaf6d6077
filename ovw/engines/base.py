"""The protocol of an engine, its result, and how to load one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from ovw.artifact.names import MANIFEST
from ovw.errors import UsageError, did_you_mean
from ovw.runtime.device import DeviceOptions
from ovw.transcribe.options import TranscribeOptions


@dataclass(frozen=True)
class EngineResult:
    """An engine's result for a clip; `None` for figures that it does not report.

    Attributes:
        text: the whole of it.
        language: code, given or detected.
        tokens: text and timestamp tokens of the result.
        temperature: the highest of any window: above 0, a window was decoded again.
        avg_logprob: the lowest of any window.
        no_speech_prob: the highest of any window.
    """

    text: str
    language: str | None = None
    tokens: int | None = None
    temperature: float | None = None
    avg_logprob: float | None = None
    no_speech_prob: float | None = None


class Engine(Protocol):
    """A loaded model."""

    def transcribe(self, samples: NDArray[np.float32], options: TranscribeOptions) -> EngineResult:
        """Transcribe samples [n] at 16 kHz.

        Raises:
            OvwError: the engine cannot do what is asked.
        """

    def transcribe_many(self, clips: Sequence[NDArray[np.float32]], options: TranscribeOptions) -> list[EngineResult]:
        """Transcribe several; together, where the engine can."""
        return [self.transcribe(samples, options) for samples in clips]

    def describe(self) -> dict[str, Any]:
        """Its description for a record: engine, version, arithmetic, device."""


Name = Literal["openvino", "pytorch"]
NAMES: tuple[Name, ...] = ("openvino", "pytorch")


@dataclass(frozen=True)
class EngineSpec:
    """How to load an engine, here or in another process.

    Attributes:
        name: which engine.
        model: an artifact folder, or an OpenAI `.pt` file for pytorch.
        device: how to run it.
        exact: f32, no approximation.
    """

    name: Name
    model: Path
    device: DeviceOptions = DeviceOptions()  # noqa: RUF009, it is frozen
    exact: bool = False

    def identity(self) -> Path:
        """The file whose hash identifies this model."""
        return self.model / MANIFEST if self.name == "openvino" else self.model

    def load(self) -> Engine:
        """Load it.

        Raises:
            OvwError: no such model, or the engine is not installed.
        """
        if self.name == "openvino":
            from ovw.engines.openvino import OpenvinoEngine

            return OpenvinoEngine(self.model, self.device, exact=self.exact)
        if self.name == "pytorch":
            from ovw.engines.openai_whisper import OpenaiWhisperEngine

            return OpenaiWhisperEngine(self.model, threads=self.device.threads)
        raise UsageError(f"no engine '{self.name}'", did_you_mean(self.name, NAMES))
