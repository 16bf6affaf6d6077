"""The layouts of an artifact, one row each: files, graphs, runtime, rules of shapes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from ovw.artifact import names
from ovw.artifact.graphs import GraphSpec, genai_graphs, onnx_graphs, stateless_graphs, whispercpp_graphs
from ovw.artifact.manifest import Manifest, Shapes
from ovw.artifact.precisions import PRECISIONS
from ovw.choices import KindOfShapes
from ovw.errors import OvwError, row_of
from ovw.models import Dims

IR = ("xml", "bin")


@dataclass(frozen=True)
class LayoutRow:
    """A layout. Its writer is `write_NAME` of `ovw.convert.layouts.NAME`.

    Attributes:
        name: of it.
        files: model name -> files beside the manifest.
        graphs: model name, dims and shapes -> the graph files, encoder first, decoder last.
        encoder: pattern of the encoder IR's stem; `None` where it is no IR.
        decoder: stem of the decoder IR; `None` where it is no IR.
        runtime: of its graphs in ovw; the decoder of an `encoder only` layout belongs to another program.
        cache: where the decoder's cache is: `inside` it, or in `ports`.
        shapes: kinds that it can have; a single one holds whatever is asked for.
        frontend: that makes its graphs in any case.
        compresses: it can hold compressed weights.
        times_words: its decoder shows its attention, if the graph was built op by op.
        has_ggml: it holds a ggml file, and encoders under the names of others.
        weight_copies: on disk while it is made.
        decoder_peak: further bytes of memory for each weight of the decoder while it is made.
        tools: packages that it is made with, besides those of every layout.
    """

    name: str
    files: Callable[[str], tuple[str, ...]]
    graphs: Callable[[str, Dims, Shapes], list[GraphSpec]]
    encoder: str | None
    decoder: str | None
    runtime: Literal["openvino", "onnxruntime", "encoder only"] = "openvino"
    cache: Literal["inside", "ports"] | None = "ports"
    shapes: tuple[KindOfShapes, ...] = get_args(KindOfShapes)
    frontend: Literal["onnx"] | None = None
    compresses: bool = True
    times_words: bool = False
    has_ggml: bool = False
    weight_copies: int = 1
    decoder_peak: int = 0
    tools: tuple[str, ...] = ()

    @property
    def decodes(self) -> bool:
        """Whether it has a decoder that ovw runs."""
        return self.runtime != "encoder only"


def _stateless_files(model: str) -> tuple[str, ...]:
    stems = (names.STATELESS_ENCODER, names.STATELESS_DECODER)
    return (*(f"{stem}.{end}" for stem in stems for end in IR), *names.TEXT_FILES)


def _whispercpp_files(model: str) -> tuple[str, ...]:
    stem = names.ggml_stem(model)
    return (f"{stem}.bin", *(f"{stem}{names.GGML_ENCODER_ENDING}.{end}" for end in IR))


def _onnx_files(model: str) -> tuple[str, ...]:
    graphs = (names.ONNX_ENCODER, names.ONNX_CROSS, names.ONNX_DECODER)
    return (*(f"{graph}{end}" for graph in graphs for end in ("", ".data")), *names.TEXT_FILES)


_ROWS = (
    LayoutRow(
        "genai", lambda model: names.GENAI_FILES, genai_graphs, names.ENCODER, names.DECODER,
        cache="inside", times_words=True,
    ),
    LayoutRow(
        "stateless", _stateless_files, stateless_graphs, names.STATELESS_ENCODER, names.STATELESS_DECODER,
        decoder_peak=6,  # cross-attention caches go in and out of the decoder
    ),
    LayoutRow(
        "whispercpp", _whispercpp_files, whispercpp_graphs, f"*{names.GGML_ENCODER_ENDING}", None,
        runtime="encoder only", cache=None, shapes=("static",), has_ggml=True,
        weight_copies=2,  # the ggml file holds the encoder too
    ),
    LayoutRow(
        "onnx", _onnx_files, onnx_graphs, None, None,
        runtime="onnxruntime", shapes=("dynamic",), frontend="onnx", compresses=False,
        weight_copies=3,  # an export passes through f32 files
        tools=("onnx", "onnxruntime"),
    ),
)  # fmt: skip
LAYOUTS: dict[str, LayoutRow] = {row.name: row for row in _ROWS}


def layout_row(name: str) -> LayoutRow:
    """The row of a layout; raises as `row_of`."""
    return row_of(LAYOUTS, name, "layout")


def graphs_of(manifest: Manifest) -> list[GraphSpec]:
    """The graphs of an artifact."""
    return layout_row(manifest.layout).graphs(manifest.name, manifest.dimensions(), manifest.shapes)


def encoder_file(folder: Path, layout: str) -> Path:
    """The encoder's IR of a folder.

    Raises:
        OvwError: there is none.
    """
    pattern = layout_row(layout).encoder
    found = sorted(folder.glob(f"{pattern}.xml")) if pattern else []
    if not found:
        raise OvwError(f"{folder} holds no {pattern or 'encoder'}.xml", "convert again")
    return found[0]


def split_name(folder_name: str) -> tuple[str, str, str]:
    """(model, precision, layout) of an artifact's folder name."""
    rest, _, last = folder_name.rpartition("-")
    layout = last if last in LAYOUTS else names.DEFAULT_LAYOUT
    stem = rest if last in LAYOUTS else folder_name
    known = next((p for p in PRECISIONS if stem.endswith(f"-{p}")), None)
    model, _, precision = (stem.removesuffix(f"-{known}"), "-", known) if known else stem.rpartition("-")
    return model, precision, layout
