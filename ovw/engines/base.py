"""The protocol of an engine, and its result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

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
