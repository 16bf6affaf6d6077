"""Writers of the layouts, one module each; `ovw.artifact.layouts` has their files and graphs."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from ovw.convert.layouts.export import Export


def write_layout(folder: Path, export: Export) -> None:
    """Write every file of an artifact but its manifest into an empty folder."""
    getattr(import_module(f"{__name__}.{export.layout}"), f"write_{export.layout}")(folder, export)
