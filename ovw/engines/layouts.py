"""Sessions for any layout with an encoder and a decoder, each on the runtime that it is made for."""

from __future__ import annotations

from pathlib import Path

from ovw.engines.onnx import OnnxDecoderSession, OnnxEncoderSession
from ovw.runtime.device import DeviceOptions
from ovw.runtime.sessions import Decoder, Encoder, open_sessions


def open_layout(folder: Path, layout: str, options: DeviceOptions) -> tuple[Encoder, Decoder]:
    """The encoder and the decoder of an artifact, onnxruntime's for the onnx layout.

    Raises:
        OvwError: a layout without a decoder, or a runtime that is not installed.
    """
    if layout == "onnx":
        return OnnxEncoderSession(folder, options.threads), OnnxDecoderSession(folder, options.threads)
    return open_sessions(folder, layout, options)
