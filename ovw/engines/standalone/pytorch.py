"""openai-whisper on PyTorch in f32."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

NAMES = {"max_new_tokens": "sample_len"}
"""Options by ovw's name, where its own is another."""


class Pytorch:
    """A loaded checkpoint.

    Args:
        job: see `measure`.
    """

    def __init__(self, job: dict[str, Any]) -> None:
        import torch
        import whisper

        if job["device"]["threads"]:
            torch.set_num_threads(job["device"]["threads"])
        self._threads = torch.get_num_threads()
        self._model = whisper.load_model(job["model"], device="cpu")
        self._options = {
            "language": job["language"],
            "task": job["task"],
            "beam_size": job["beam_size"] if job["beam_size"] > 1 or "patience" in job["options"] else None,
            **{NAMES.get(name, name): value for name, value in job["options"].items()},
        }

    def transcribe(self, samples: NDArray[np.float32]) -> tuple[str, int | None]:
        """The text of a clip [n]."""
        result = self._model.transcribe(samples, fp16=False, verbose=None, **self._options)
        return str(result["text"]).strip(), sum(len(segment["tokens"]) for segment in result["segments"])

    def transcribe_all(self, clips: list[NDArray[np.float32]]) -> None:
        """It takes one recording at a time."""

    def describe(self) -> dict[str, Any]:
        """Versions, arithmetic and threads."""
        return {
            "version": version("openai-whisper"),
            "torch": version("torch"),
            "inference_precision": "f32",
            "threads": self._threads,
        }


load = Pytorch
