"""Sessions for any layout with an encoder and a decoder, each on the runtime that it is made for."""

from __future__ import annotations

from pathlib import Path

from ovw.runtime.device import DeviceOptions
from ovw.runtime.onnx import OnnxDecoderSession, OnnxEncoderSession
from ovw.runtime.protocols import Decoder, Encoder
from ovw.runtime.sessions import open_decoder, open_encoder, require_runnable


def open_layout(folder: Path, layout: str, options: DeviceOptions) -> tuple[Encoder, Decoder]:
    """The encoder and the decoder of an artifact, onnxruntime's for the onnx layout.

    Raises:
        OvwError: a layout without a decoder, or a runtime that is not installed.
    """
    return open_layout_encoder(folder, layout, options), open_layout_decoder(folder, layout, options)


def open_layout_encoder(folder: Path, layout: str, options: DeviceOptions) -> Encoder:
    """The encoder of an artifact; every layout has one."""
    if layout == "onnx":
        return OnnxEncoderSession(folder, options.threads)
    return open_encoder(folder, layout, options)


def open_layout_decoder(folder: Path, layout: str, options: DeviceOptions) -> Decoder:
    """The decoder of an artifact; raises as `open_layout`."""
    if layout == "onnx":
        return OnnxDecoderSession(folder, options.threads)
    require_runnable(folder, layout)
    return open_decoder(folder, layout, options)
