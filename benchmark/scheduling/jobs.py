"""The jobs of processes that run an engine on clips."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

from ovw.benchmark.case import CaseSpec
from ovw.benchmark.clips import Clips
from ovw.benchmark.config import BenchConfig
from ovw.engines.registry import engine_row
from ovw.transcribe.options import AUTO

ASKED = ("beam_size", "batch_size", "language", "task", "fallback", "decoding")
"""Keys of a job that its texts depend on."""


def clip_job(config: BenchConfig, spec: CaseSpec, clips: Clips, limit: float) -> dict[str, Any]:
    """The job of `ovw.engines.standalone.measure` for a case.

    Args:
        config: the request.
        spec: the case.
        clips: to transcribe.
        limit: seconds of the loop at most.
    """
    options = config.options()
    language = options.language or clips.language
    asked = {"beam_size": spec.beam_size, "batch_size": spec.batch}
    return {
        "engine": spec.engine,
        "module": engine_row(spec.engine).module,
        "model": spec.model,
        "precision": spec.precision,
        "device": spec.device.model_dump(mode="json"),
        **asked,
        "language": None if language == AUTO else language,
        "task": options.task,
        "fallback": list(options.temperature[1:]),
        "decoding": options.model_copy(update=asked | {"language": language}).model_dump(mode="json"),
        "clips": [str(clip.file) for clip in clips.clips],
        "seconds": config.seconds,
        "limit": limit,
        "offline": len(clips.clips) > 1,
    }


def request_sha256(job: dict[str, Any], clips: Clips) -> str:
    """Hash of what a pipeline was asked for and of the audio: only the same work may be compared."""
    asked = {key: job[key] for key in ASKED}
    return sha256(json.dumps([asked, clips.description], sort_keys=True).encode()).hexdigest()
