"""The input of a layout writer."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import openvino as ov

from ovw.artifact.graphs import GraphSpec
from ovw.artifact.layouts import layout_row
from ovw.artifact.manifest import Shapes
from ovw.convert.compression.nncf_backend import Compressor
from ovw.convert.graphs.frontends import Frontend
from ovw.convert.graphs.ir import name_ports, save_ir
from ovw.convert.graphs.shapes import apply_shapes
from ovw.convert.sources.checkpoint import Checkpoint


@dataclass(frozen=True)
class Export:
    """One artifact to write.

    Attributes:
        name: of the model.
        layout: which files, and what they are called.
        checkpoint: what to export.
        precision: of the stored weights.
        shapes: what the graphs shall take.
        frontend: makes the graphs.
        scratch: a folder for files that are not part of the artifact.
        compressor: compresses the graphs; `None` where weights stay in floating point.
        metadata: strings for the graphs' metadata, under `ovw`.
        ggml_names: stems of further ggml files that shall find the whispercpp layout's encoder.
    """

    name: str
    layout: str
    checkpoint: Checkpoint
    precision: str
    shapes: Shapes
    frontend: Frontend
    scratch: Path
    compressor: Compressor | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    ggml_names: tuple[str, ...] = ()

    def graphs(self) -> list[GraphSpec]:
        """The layout's graph files, encoder first, decoder last."""
        return layout_row(self.layout).graphs(self.name, self.checkpoint.dims, self.shapes)

    def save_encoder(self, graph: GraphSpec, folder: Path) -> None:
        """Write the encoder, its ports called as the layout has them."""
        encoder = self.frontend.encoder()
        if self.compressor:
            encoder = self.compressor.encoder(encoder)
        name_ports(encoder, list(graph.inputs), graph.outputs)
        self._save(encoder, graph, folder)

    def save_decoder(self, decoder: ov.Model, graph: GraphSpec, folder: Path) -> None:
        """Write a graph of the decoder."""
        self._save(self.compressor.decoder(decoder) if self.compressor else decoder, graph, folder)

    def _save(self, model: ov.Model, graph: GraphSpec, folder: Path) -> None:
        """Write a graph under its file name and with its shapes."""
        save_ir(apply_shapes(model, graph), folder / graph.file, self.precision, self.metadata)
