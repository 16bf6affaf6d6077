"""ovw's runner over onnxruntime's sessions."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

from ovw.api.whisper import Whisper
from ovw.artifact.layouts import layout_row
from ovw.engines.openvino import OpenvinoEngine
from ovw.errors import OvwError
from ovw.runtime.device import DeviceOptions
from ovw.transcribe.model_sessions import ModelSessions


class OnnxEngine(OpenvinoEngine):
    """An artifact of the onnx layout on onnxruntime.

    Args:
        folder: of the artifact.
        device: of which the threads count.

    Raises:
        OvwError: another layout, or onnxruntime is not installed.
    """

    def __init__(self, folder: Path, device: DeviceOptions) -> None:
        self._device = device
        self._whisper = _OnnxWhisper(folder, device=device)

    def describe(self) -> dict[str, Any]:
        """Engine, version, arithmetic, threads."""
        return {
            "engine": "onnxruntime",
            "version": version("onnxruntime"),
            "inference_precision": "f32",
            "device": "CPU",
            "threads": self._device.threads,
        }


class _OnnxWhisper(Whisper):
    def _open(self, options: DeviceOptions) -> ModelSessions:
        if layout_row(self.manifest.layout).runtime != "onnxruntime":
            raise OvwError(f"{self.folder} has no graphs for onnxruntime", "ovw convert --layout onnx makes some")
        sessions = ModelSessions(self.folder, self.manifest.layout, options, self.manifest.dimensions(), ())
        sessions.load()
        return sessions
