"""ovw's runner over onnxruntime's sessions."""

from __future__ import annotations

from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ovw.api.whisper import Whisper
from ovw.artifact.layouts import layout_row
from ovw.engines.openvino import OpenvinoEngine
from ovw.errors import OvwError
from ovw.runtime.device import DeviceOptions
from ovw.runtime.protocols import Decoder, Encoder
from ovw.runtime.sessions import open_layout_decoder, open_layout_encoder
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
    def encoder(self) -> Encoder:
        return open_layout_encoder(self.folder, self.layout, self.device)

    @cached_property
    def decoder(self) -> Decoder:
        return open_layout_decoder(self.folder, self.layout, self.device)


class _OnnxWhisper(Whisper):
    def _open(self, options: DeviceOptions) -> ModelSessions:
        if layout_row(self.manifest.layout).runtime != "onnxruntime":
            raise OvwError(f"{self.folder} has no graphs for onnxruntime", "ovw convert --layout onnx makes some")
        sessions = _OnnxSessions(self.folder, self.manifest.layout, options, self.manifest.dimensions(), ())
        sessions.load()
        return sessions
