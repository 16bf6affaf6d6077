"""faster-whisper on a CTranslate2 folder, or on a size that it fetches itself."""

from __future__ import annotations

import os
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

GAP = 8000
"""Samples of silence between clips that are handed over at once."""

NAMES = {"logprob_threshold": "log_prob_threshold"}
"""Options by ovw's name, where its own is another."""


class Faster:
    """A loaded model.

    Args:
        job: see `measure`.
    """

    def __init__(self, job: dict[str, Any]) -> None:
        import faster_whisper

        self._compute_type = job["precision"] or "default"
        self._threads = job["device"]["threads"] or _usable_cores()  # of 0, CTranslate2 makes at most 4
        self._model = faster_whisper.WhisperModel(
            job["model"], device="cpu", compute_type=self._compute_type, cpu_threads=self._threads
        )
        self._batch = job["batch_size"]
        self._batched = faster_whisper.BatchedInferencePipeline(self._model)
        self._options = {
            "language": job["language"],
            "task": job["task"],
            "beam_size": job["beam_size"],
            **{NAMES.get(name, name): value for name, value in job["options"].items()},
        }

    def transcribe(self, samples: NDArray[np.float32]) -> tuple[str, int | None]:
        """The text of a clip [n]."""
        if self._batch > 1:
            segments, _ = self._batched.transcribe(samples, batch_size=self._batch, **self._options)
        else:
            segments, _ = self._model.transcribe(samples, **self._options)
        found = list(segments)
        return "".join(s.text for s in found).strip(), sum(len(s.tokens) for s in found)

    def transcribe_all(self, clips: list[NDArray[np.float32]]) -> list[str] | None:
        """All clips in one recording with their times, by which its batches are cut."""
        if self._batch < 2 or any(len(clip) > 30 * 16000 for clip in clips):
            return None
        silence = np.zeros(GAP, np.float32)
        starts = np.cumsum([0, *(len(clip) + GAP for clip in clips[:-1])])
        times = [
            {"start": float(at) / 16000, "end": (at + len(clip)) / 16000}
            for at, clip in zip(starts, clips, strict=True)
        ]
        joined = np.concatenate([part for clip in clips for part in (clip, silence)])
        segments, _ = self._batched.transcribe(
            joined, batch_size=self._batch, clip_timestamps=times, vad_filter=False, **self._options
        )
        texts = [""] * len(clips)
        for segment in segments:
            texts[int(np.searchsorted(starts, segment.start * 16000, "right")) - 1] += segment.text
        return [text.strip() for text in texts]

    def describe(self) -> dict[str, Any]:
        """Versions, arithmetic and threads."""
        return {
            "version": version("faster-whisper"),
            "ctranslate2": version("ctranslate2"),
            "inference_precision": self._model.model.compute_type,
            "threads": self._threads,
            "batch_size": self._batch,
        }


def _usable_cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


load = Faster
