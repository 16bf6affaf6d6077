"""Options that are one of a few words: each set has its name here, for configurations and for `--help`."""

from __future__ import annotations

from typing import Literal, get_args

Task = Literal["transcribe", "translate"]
TASKS: tuple[Task, ...] = get_args(Task)
"""Of a `generation_config.json`, and of whoever asks."""
Quality = Literal["fast", "balanced", "exact"]
"""The balance of speed and accuracy: `fast` is greedy, `balanced` has beams, `exact` is `--exact`."""
ContextMode = Literal["auto", "full"]
Padding = Literal["auto", "mel", "audio"]
Channel = Literal["left", "right", "each"]
PcmFormat = Literal["s16le", "f32le", "u8", "s24le", "s32le", "mulaw", "alaw"]
"""Samples without a header, as FFmpeg calls them."""

FloatType = Literal["f32", "bf16", "f16"]
"""Arithmetic of a device."""
Hint = Literal["latency", "throughput"]
"""OpenVINO's performance hint."""

KindOfShapes = Literal["dynamic", "bounded", "static"]
FrontendName = Literal["graph", "onnx"]

BootstrapUnit = Literal["utterance", "speaker"]
EvalFormat = Literal["leaderboard"]
BenchFormat = Literal["json", "csv", "md", "html"]
ReportFormat = Literal["html", "svg", "png", "md"]
