"""Frontends, from a checkpoint to OpenVINO graphs: built op by op, or by way of ONNX."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import openvino as ov

from ovw.choices import FrontendName
from ovw.convert.graphs.blocks import Weights
from ovw.convert.graphs.decoder import build_decoder
from ovw.convert.graphs.encoder import build_encoder
from ovw.convert.graphs.stateless import (
    build_cross,
    build_fixed_step,
    build_step,
    merged_cross,
    stateful_decoder,
    stateless_decoder,
)
from ovw.convert.sources.checkpoint import Checkpoint
from ovw.errors import UsageError


class Frontend(Protocol):
    """The graphs of a checkpoint, each made anew by every call; ports are described where they are built."""

    def encoder(self) -> ov.Model: ...

    def stateful(self) -> ov.Model: ...

    def stateless(self) -> ov.Model: ...

    def fixed(self) -> tuple[ov.Model, ov.Model]:
        """The projections of the audio and a decoder over caches of one size."""


class GraphFrontend:
    """Graphs built op by op from the checkpoint's tensors."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._weights, self._dims = Weights(checkpoint.tensors), checkpoint.dims

    def encoder(self) -> ov.Model:
        return build_encoder(self._weights, self._dims)

    def stateful(self) -> ov.Model:
        return build_decoder(self._weights, self._dims)

    def stateless(self) -> ov.Model:
        return stateless_decoder(self._cross(), build_step(self._weights, self._dims), self._dims)

    def fixed(self) -> tuple[ov.Model, ov.Model]:
        return merged_cross(self._cross(), self._dims), build_fixed_step(self._weights, self._dims)

    def _cross(self) -> ov.Model:
        return build_cross(self._weights, self._dims)


class OnnxFrontend:
    """torch -> ONNX -> IR: what `torch.onnx` exports, read by OpenVINO.

    Args:
        checkpoint: what to export.
        scratch: where the ONNX files stay until the graphs are saved.
    """

    def __init__(self, checkpoint: Checkpoint, scratch: Path) -> None:
        self._checkpoint, self._scratch = checkpoint, scratch

    def encoder(self) -> ov.Model:
        return self._read("encoder")

    def stateful(self) -> ov.Model:
        return stateful_decoder(self._read("cross"), self._read("step"), self._checkpoint.dims)

    def stateless(self) -> ov.Model:
        return stateless_decoder(self._read("cross"), self._read("step"), self._checkpoint.dims)

    def fixed(self) -> tuple[ov.Model, ov.Model]:
        raise UsageError("--frontend onnx makes no static stateless decoder", "leave out one of the two")

    def _read(self, graph: str) -> ov.Model:
        from ovw.convert.graphs import onnx_export

        path = self._scratch / f"{graph}.onnx"
        exporters = {
            "encoder": onnx_export.export_encoder,
            "cross": onnx_export.export_cross,
            "step": onnx_export.export_step,
        }
        exporters[graph](self._checkpoint, path)
        return ov.Core().read_model(path)


def open_frontend(name: FrontendName, checkpoint: Checkpoint, scratch: Path) -> Frontend:
    """The frontend of that name."""
    return OnnxFrontend(checkpoint, scratch) if name == "onnx" else GraphFrontend(checkpoint)
