"""The jobs of processes that run an engine on clips."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

from ovw.benchmark.case import CaseSpec
from ovw.benchmark.clips import Clips
from ovw.benchmark.config import BenchConfig
from ovw.engines.registry import EngineRow, engine_row
from ovw.scoring.language import model_language
from ovw.transcribe.options import AUTO, TranscribeOptions

DEFAULTS = TranscribeOptions()


def clip_job(config: BenchConfig, spec: CaseSpec, clips: Clips, limit: float) -> dict[str, Any]:
    """The job of `ovw.engines.standalone.measure` for a case.

    Args:
        config: the request.
        spec: the case.
        clips: to transcribe.
        limit: seconds of the loop at most.
    """
    options = config.options()
    language = options.language or model_language(clips.language)
    asked = {"beam_size": spec.beam_size, "batch_size": spec.batch}
    row = engine_row(spec.engine)
    left_out = {name: getattr(DEFAULTS, name) for name in options_left_out(row, options)}
    given = options.model_copy(update=asked | {"language": language} | left_out)
    decoding = given.model_dump(mode="json")
    return {
        "engine": spec.engine,
        "module": row.module,
        "model": spec.model,
        "precision": spec.precision,
        "device": spec.device.model_dump(mode="json"),
        **asked,
        "language": None if language == AUTO else language,
        "task": options.task,
        "options": {name: decoding[name] for name in row.decoding if name in {"temperature", *_changed(given)}},
        "decoding": decoding,
        "clips": [str(clip.file) for clip in clips.clips],
        "seconds": config.seconds,
        "limit": limit,
        "offline": len(clips.clips) > 1,
    }


def options_left_out(row: EngineRow, options: TranscribeOptions) -> list[str]:
    """Options off their defaults that an engine does not take.

    Engines of other projects compute the whole context and leave out no silence, whatever is asked of ovw; those that
    decode once do that at temperature 0.
    """
    if row.is_ours:
        return []
    held = {"audio_context": "full", "vad": False, "temperature": (0.0, *options.temperature[1:])}
    free = {*row.decoding, "task", "language", "beam_size", "batch_size"}
    asked = [name for name in _changed(options) if name not in free]
    return [name for name in asked if name not in held or getattr(options, name) != held[name]]


def _changed(options: TranscribeOptions) -> list[str]:
    return [name for name in TranscribeOptions.model_fields if getattr(options, name) != getattr(DEFAULTS, name)]


def request_sha256(job: dict[str, Any], clips: Clips) -> str:
    """Hash of the options that an engine is given and of the audio: only the same work may be compared."""
    return sha256(json.dumps([job["decoding"], clips.description], sort_keys=True).encode()).hexdigest()
