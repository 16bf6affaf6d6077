"""Artifact layouts, one module each: which files a consumer wants, and how they are named."""

from __future__ import annotations

from pathlib import Path

from ovw.convert.layouts.export import Export


def write_layout(folder: Path, export: Export) -> None:
    """Write every file of an artifact but its manifest into an empty folder."""
    if export.layout == "stateless":
        from ovw.convert.layouts.stateless import write_stateless as write
    elif export.layout == "whispercpp":
        from ovw.convert.layouts.whispercpp import write_whispercpp as write
    elif export.layout == "onnx":
        from ovw.convert.layouts.onnx import write_onnx as write
    else:
        from ovw.convert.layouts.genai import write_genai as write
    write(folder, export)
