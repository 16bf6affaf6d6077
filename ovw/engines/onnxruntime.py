"""ovw's runner over onnxruntime's sessions."""

from __future__ import annotations

from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ovw.engines.openvino import OpenvinoEngine
from ovw.errors import OvwError
from ovw.runtime.device import DeviceOptions
from ovw.runtime.onnx import OnnxDecoderSession, OnnxEncoderSession
from ovw.transcribe.api import Whisper
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


class _OnnxSessions(ModelSessions):
    @cached_property
    def encoder(self) -> Any:
        return OnnxEncoderSession(self.folder, self.device.threads)

    @cached_property
    def decoder(self) -> Any:
        return OnnxDecoderSession(self.folder, self.device.threads)


class _OnnxWhisper(Whisper):
    def _open(self, options: DeviceOptions) -> ModelSessions:
        if self.manifest.layout != "onnx":
            raise OvwError(f"{self.folder} has no graphs for onnxruntime", "ovw convert --layout onnx makes some")
        return _OnnxSessions(self.folder, "onnx", options, self.manifest.dimensions(), ())
