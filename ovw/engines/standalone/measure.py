"""The loop: load an engine, feed it clips, write down times and texts as they come.

A job holds `engine` and its `module` in this folder, `model`, `precision` (in the engine's own words), `device` (the
fields of ovw's `DeviceOptions`), `beam_size`, `batch_size`, `language`, `task`, `options` (others that the engine
takes, by ovw's names), `clips` (`.npy` files of samples at 16 kHz), `seconds` and `limit` of the loop, `offline`
(also hand over all clips at once), and `decoding`, all of these options as ovw's own runner takes them.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]
Emit = Callable[[dict[str, Any]], None]


class ClipEngine(Protocol):
    """A loaded engine."""

    def transcribe(self, samples: Samples) -> tuple[str, int | None]:
        """The text of a clip [n] at 16 kHz, and its number of tokens where the engine reports it."""

    def transcribe_all(self, clips: list[Samples]) -> list[str] | None:
        """The texts of clips handed over at once; `None` if there is no such way."""

    def describe(self) -> dict[str, Any]:
        """Version, arithmetic, what of the job it could not do."""


def main(prefix: str) -> int:
    """Do the job on stdin, results as lines of JSON into the file of the first argument.

    Args:
        prefix: of the modules of this folder.
    """
    job = json.load(sys.stdin)
    with Path(sys.argv[1]).open("a", encoding="utf-8", buffering=1) as stream:

        def emit(result: dict[str, Any]) -> None:
            stream.write(json.dumps(result) + "\n")

        try:
            started = time.perf_counter()
            engine = importlib.import_module(prefix + job["module"]).load(job)
            emit({"stage": "open", "unit": "ms", "samples": [1000 * (time.perf_counter() - started)]})
            measure(engine, job, emit)
        except ModuleNotFoundError as error:
            emit({"missing": error.name})
            return 1
        except Exception as error:  # engines share no base
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            useful = [line for line in lines if not line.startswith("For further information visit")]  # pydantic's
            emit({"error": f"{type(error).__name__}: {useful[-1] if useful else 'no message'}"})
            return 1
        emit({"done": True})
    return 0


def measure(engine: ClipEngine, job: dict[str, Any], emit: Emit) -> None:
    """Time every clip, all of them once at least, after one that does not count.

    Args:
        engine: loaded.
        job: as above.
        emit: takes what was measured.
    """
    clips = [np.load(path) for path in job["clips"]]
    engine.transcribe(clips[0])
    begun = time.perf_counter()
    passes: list[list[float]] = []
    while not passes or time.perf_counter() - begun < min(job["seconds"], job["limit"]):
        passes.append(_pass(engine, clips, emit, begun + job["limit"] if passes else None))
    emit({"stage": "latency", "unit": "ms", "samples": [ms for times in passes for ms in times]})
    emit(
        {
            "stage": "rtf",
            "unit": "1",
            "samples": [sum(t) / 1000 / _seconds(clips) for t in passes if len(t) == len(clips)],
        }
    )
    started = time.perf_counter()
    if job["offline"] and engine.transcribe_all(clips) is not None:
        emit({"stage": "offline_rtf", "unit": "1", "samples": [(time.perf_counter() - started) / _seconds(clips)]})
    emit({"facts": engine.describe()})


def _pass(engine: ClipEngine, clips: list[Samples], emit: Emit, deadline: float | None) -> list[float]:
    """Milliseconds of every clip; the first pass has no deadline, and emits the texts."""
    times = []
    for number, clip in enumerate(clips):
        if deadline is not None and time.perf_counter() > deadline:
            break
        started = time.perf_counter()
        text, tokens = engine.transcribe(clip)
        times.append(1000 * (time.perf_counter() - started))
        emit({"text": text, "tokens": tokens, "clip": number} if deadline is None else {"alive": number})
    return times


def _seconds(clips: list[Samples]) -> float:
    return sum(len(clip) for clip in clips) / 16000
