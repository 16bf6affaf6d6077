"""Open an artifact's sessions, whatever its layout: the one place where they are made, but for the fast path's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import openvino as ov

from ovw.artifact import names
from ovw.artifact.foreign import is_foreign
from ovw.artifact.layouts import layout_row
from ovw.errors import OvwError
from ovw.runtime.decoder import DecoderSession
from ovw.runtime.device import DeviceOptions
from ovw.runtime.encoder import EncoderSession
from ovw.runtime.foreign import ForeignDecoderSession
from ovw.runtime.onnx import OnnxDecoderSession, OnnxEncoderSession
from ovw.runtime.protocols import Decoder, Encoder
from ovw.runtime.stateless import FixedDecoderSession, StatelessDecoderSession


def open_sessions(folder: Path, layout: str, options: DeviceOptions) -> tuple[Encoder, Decoder]:
    """The encoder and the decoder of an artifact, each on the runtime that its layout is made for.

    Raises:
        OvwError: a layout without a decoder, or a runtime that is not installed.
    """
    return open_encoder(folder, layout, options), open_decoder(folder, layout, options)


def open_encoder(
    folder: Path, layout: str, options: DeviceOptions, edit: Callable[[ov.Model], object] = lambda model: None
) -> Encoder:
    """The encoder of an artifact; every layout has one. `edit` changes an IR before it is compiled."""
    if layout_row(layout).runtime == "onnxruntime":
        return OnnxEncoderSession(folder, options.threads)
    return EncoderSession(folder, options, layout, edit)


def open_decoder(folder: Path, layout: str, options: DeviceOptions) -> Decoder:
    """The decoder of an artifact; raises as `open_sessions`."""
    if layout_row(layout).runtime == "onnxruntime":
        return OnnxDecoderSession(folder, options.threads)
    require_runnable(folder, layout)
    if is_foreign(folder):
        return ForeignDecoderSession(folder, options)
    if layout_row(layout).cache == "inside":
        return DecoderSession(folder, options)
    fixed = (folder / f"{names.STATELESS_CROSS}.xml").is_file()
    return (FixedDecoderSession if fixed else StatelessDecoderSession)(folder, options)


def require_runnable(folder: Path, layout: str) -> None:
    """Refuse a layout that is made for another runtime.

    Raises:
        OvwError: it is.
    """
    if layout_row(layout).runtime != "openvino":
        raise OvwError(
            f"{folder} has the layout {layout}, which ovw makes for other programs and does not run itself",
            "ovw convert --layout genai makes one to run",
        )
