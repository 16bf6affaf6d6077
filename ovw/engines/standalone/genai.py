"""openvino-genai's WhisperPipeline on a folder of the genai layout. It decodes once: it has no fallback."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Genai:
    """A loaded pipeline.

    Args:
        job: see `measure`.
    """

    def __init__(self, job: dict[str, Any]) -> None:
        import openvino_genai

        properties: dict[str, Any] = {}
        if job["device"]["precision"]:
            properties["INFERENCE_PRECISION_HINT"] = job["device"]["precision"]
        if job["device"]["threads"]:
            properties["INFERENCE_NUM_THREADS"] = job["device"]["threads"]
        self._threads = job["device"]["threads"]
        self._pipeline = openvino_genai.WhisperPipeline(job["model"], job["device"]["device"], **properties)
        self._config = self._pipeline.get_generation_config()
        options = dict(job["options"])
        self._config.return_timestamps = not options.pop("without_timestamps", False)
        self._config.num_beams = job["beam_size"]
        for name, value in options.items():
            setattr(self._config, name, value)
        if self._config.is_multilingual:
            self._config.task = job["task"]
            if job["language"]:
                self._config.language = f"<|{job['language']}|>"

    def transcribe(self, samples: NDArray[np.float32]) -> tuple[str, int | None]:
        """The text of a clip [n]."""
        result = self._pipeline.generate(samples, self._config)
        return str(result).strip(), result.perf_metrics.get_num_generated_tokens()

    def transcribe_all(self, clips: list[NDArray[np.float32]]) -> None:
        """It takes one recording at a time."""

    def describe(self) -> dict[str, Any]:
        """Version; how it differs."""
        return {"version": version("openvino-genai"), "threads": self._threads, "fallback": False}


load = Genai
