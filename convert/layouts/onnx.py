"""The layout for onnxruntime: encoder, audio projections and decoder with explicit caches, exported by torch.onnx."""

from __future__ import annotations

from pathlib import Path

from ovw.artifact import names
from ovw.convert.graphs.onnx_export import export_cross, export_encoder, export_step, finish
from ovw.convert.layouts.export import Export
from ovw.convert.layouts.genai import write_configs
from ovw.memory import give_back


def write_onnx(folder: Path, export: Export) -> None:
    """Write every file of the layout but the manifest."""
    write_configs(folder, export.checkpoint)
    for name, make in (
        (names.ONNX_ENCODER, export_encoder),
        (names.ONNX_CROSS, export_cross),
        (names.ONNX_DECODER, export_step),
    ):
        source = export.scratch / name
        make(export.checkpoint, source)
        finish(source, folder / name, export.precision, export.metadata)
        source.unlink()
        give_back()
