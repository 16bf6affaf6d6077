"""Open an artifact's sessions, whatever its layout."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import openvino as ov

from ovw.artifact import names
from ovw.errors import OvwError
from ovw.runtime.decoder import DecoderSession
from ovw.runtime.device import DeviceOptions
from ovw.runtime.encoder import EncoderSession
from ovw.runtime.protocols import OpenVinoDecoder
from ovw.runtime.stateless import FixedDecoderSession, StatelessDecoderSession

RUNNABLE = ("genai", "stateless")
"""Layouts with an encoder and a decoder for OpenVINO."""


def open_sessions(folder: Path, layout: str, options: DeviceOptions) -> tuple[EncoderSession, OpenVinoDecoder]:
    """The encoder and the decoder of an artifact.

    Raises:
        OvwError: a layout that is made for another runtime.
    """
    require_runnable(folder, layout)
    return open_encoder(folder, layout, options), open_decoder(folder, layout, options)


def open_encoder(
    folder: Path, layout: str, options: DeviceOptions, edit: Callable[[ov.Model], object] = lambda model: None
) -> EncoderSession:
    """The encoder of an artifact of a runnable layout; `edit` changes its graph before it is compiled."""
    return EncoderSession(folder, options, layout, edit)


def open_decoder(folder: Path, layout: str, options: DeviceOptions) -> OpenVinoDecoder:
    """The decoder of an artifact of a runnable layout."""
    if layout == "genai":
        return DecoderSession(folder, options)
    fixed = (folder / f"{names.STATELESS_CROSS}.xml").is_file()
    return (FixedDecoderSession if fixed else StatelessDecoderSession)(folder, options)


def require_runnable(folder: Path, layout: str) -> None:
    """Refuse a layout that is made for another runtime; raises as `open_sessions`."""
    if layout not in RUNNABLE:
        raise OvwError(
            f"{folder} has the layout {layout}, which ovw makes for other programs and does not run itself",
            "ovw convert --layout genai makes one to run",
        )
