"""optimum-intel's OVModelForSpeechSeq2Seq on a folder of the genai layout. It decodes once: it has no fallback here."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

WINDOW = 30 * 16000


class OptimumIntel:
    """A loaded model.

    Args:
        job: see `measure`.
    """

    def __init__(self, job: dict[str, Any]) -> None:
        from optimum.intel import OVModelForSpeechSeq2Seq
        from transformers import AutoTokenizer, WhisperFeatureExtractor

        config: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY"}
        if job["device"]["precision"]:
            config["INFERENCE_PRECISION_HINT"] = job["device"]["precision"]
        if job["device"]["threads"]:
            config["INFERENCE_NUM_THREADS"] = job["device"]["threads"]
        self._model = OVModelForSpeechSeq2Seq.from_pretrained(
            job["model"], device=job["device"]["device"], ov_config=config
        )
        self._tokenizer = AutoTokenizer.from_pretrained(job["model"])
        self._features = WhisperFeatureExtractor.from_pretrained(job["model"])
        self._batch = job["batch_size"]
        given = dict(job["options"])
        timed = not given.pop("without_timestamps", False)
        self._options: dict[str, Any] = {"num_beams": job["beam_size"], "return_timestamps": timed, **given}
        if self._model.generation_config.is_multilingual:
            self._options |= {"task": job["task"], "language": job["language"]}

    def transcribe(self, samples: NDArray[np.float32]) -> tuple[str, int | None]:
        """The text of a clip [n], window by window."""
        windows = [samples[at : at + WINDOW] for at in range(0, len(samples), WINDOW)]
        texts, tokens = zip(*(self._generate([window]) for window in windows), strict=True)
        return " ".join(text for (text,) in texts).strip(), sum(tokens)

    def transcribe_all(self, clips: list[NDArray[np.float32]]) -> list[str] | None:
        """Clips of a window each, `batch_size` at once."""
        if self._batch < 2 or any(len(clip) > WINDOW for clip in clips):
            return None
        batches = [clips[at : at + self._batch] for at in range(0, len(clips), self._batch)]
        return [text for batch in batches for text in self._generate(batch)[0]]

    def _generate(self, windows: list[NDArray[np.float32]]) -> tuple[list[str], int]:
        features = self._features(windows, sampling_rate=16000, return_tensors="pt").input_features
        made = self._model.generate(features, **self._options)
        ids = made["sequences"] if isinstance(made, dict) else made
        texts = self._tokenizer.batch_decode(ids, skip_special_tokens=True)
        return [text.strip() for text in texts], int(ids.numel())

    def describe(self) -> dict[str, Any]:
        """Versions; how it differs."""
        return {
            "version": version("optimum-intel"),
            "openvino": version("openvino"),
            "batch_size": self._batch,
            "fallback": False,
        }


load = OptimumIntel
