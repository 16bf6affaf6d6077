"""ovw's own runner, on OpenVINO or over onnxruntime's sessions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Ours:
    """An artifact.

    Args:
        job: see `measure`.
    """

    def __init__(self, job: dict[str, Any]) -> None:
        from ovw.engines.onnxruntime import OnnxEngine
        from ovw.engines.openvino import OpenvinoEngine
        from ovw.runtime.device import DeviceOptions
        from ovw.transcribe.options import TranscribeOptions

        kind = OnnxEngine if job["engine"] == "onnxruntime" else OpenvinoEngine
        self._engine = kind(Path(job["model"]), DeviceOptions(**job["device"]))
        self._options = TranscribeOptions(**job["decoding"])

    def transcribe(self, samples: NDArray[np.float32]) -> tuple[str, int | None]:
        """The text of a clip [n]."""
        result = self._engine.transcribe(samples, self._options)
        return result.text, result.tokens

    def transcribe_all(self, clips: list[NDArray[np.float32]]) -> list[str] | None:
        """The texts of clips handed over at once; with a batch of one there is no such way."""
        if self._options.batch_size <= 1:
            return None
        return [result.text for result in self._engine.transcribe_many(clips, self._options)]

    def describe(self) -> dict[str, Any]:
        """The engine's own description."""
        return self._engine.describe()


load = Ours
