"""ovw's own runner as an engine."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ovw.api.transcription import Transcription
from ovw.api.whisper import Whisper
from ovw.engines.base import Engine, EngineResult
from ovw.engines.registry import EngineSpec
from ovw.runtime.device import DeviceOptions
from ovw.transcribe.options import TranscribeOptions


class OpenvinoEngine(Engine):
    """An artifact on OpenVINO.

    Args:
        folder: of the artifact.
        device: how to run it.
        exact: openai/whisper's own algorithm in f32.

    Raises:
        OvwError: no such artifact, or one that cannot be loaded.
    """

    def __init__(self, folder: Path, device: DeviceOptions, *, exact: bool = False) -> None:
        self._device = device
        self._whisper = Whisper(folder, device=device, exact=exact)

    def transcribe(self, samples: NDArray[np.float32], options: TranscribeOptions) -> EngineResult:
        """Transcribe samples [n] at 16 kHz."""
        return _result_of(self._whisper.transcribe(samples, options))

    def transcribe_many(self, clips: Sequence[NDArray[np.float32]], options: TranscribeOptions) -> list[EngineResult]:
        """Transcribe several, with `batch_size` above 1 windows of all of them beside each other."""
        return [_result_of(result) for result in self._whisper.transcribe_many(clips, options)]

    def describe(self) -> dict[str, Any]:
        """Engine, version, arithmetic really used, device and threads."""
        return {
            "engine": "openvino",
            "version": version("openvino"),
            "inference_precision": self._whisper.precision,
            "device": self._device.device,
            "threads": self._device.threads,
        }


def _result_of(result: Transcription) -> EngineResult:
    segments = list(result)
    return EngineResult(
        text="".join(segment.text for segment in segments).strip(),
        language=result.language,
        tokens=sum(len(segment.tokens) for segment in segments),
        temperature=max((segment.temperature for segment in segments), default=0.0),
        avg_logprob=min((segment.avg_logprob for segment in segments), default=None),
        no_speech_prob=max((segment.no_speech_prob for segment in segments), default=None),
    )


def load_engine(spec: EngineSpec) -> OpenvinoEngine:
    """The engine that a spec names; raises as its constructor."""
    return OpenvinoEngine(spec.model, spec.device or DeviceOptions(), exact=spec.exact)
