"""The description of an artifact: what is written into its manifest and its IR."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import ovw
from ovw.artifact.arithmetic import Arithmetic
from ovw.artifact.hashing import hash_folder
from ovw.artifact.layouts import layout_row
from ovw.artifact.manifest import SCHEMA_VERSION, Golden, Manifest, Parity, Source
from ovw.artifact.precisions import precision_row
from ovw.convert.layouts.export import Export

TOOLS = ("openvino", "openvino-tokenizers", "openai-whisper", "torch", "transformers", "numpy")


def describe(
    folder: Path,
    export: Export,
    frontend: str,
    proof: tuple[Parity, Golden],
    arithmetic: Arithmetic | None = None,
) -> Manifest:
    """The manifest of a finished, not yet placed artifact, not yet scored; hashes every file in `folder`."""
    checkpoint, (parity, golden) = export.checkpoint, proof
    can = checkpoint.can
    return Manifest(
        schema_version=SCHEMA_VERSION,
        name=export.name,
        layout=export.layout,
        precision=export.precision,
        compression=None,
        frontend=frontend,
        source=Source(
            kind=checkpoint.kind,
            reference=checkpoint.reference,
            sha256=checkpoint.sha256,
            tensors_sha256=checkpoint.tensors_sha256,
        ),
        dims=checkpoint.dims.as_dict(),
        languages=list(can.languages),
        translate=can.translate,
        alignment_heads=list(checkpoint.alignment_heads) if checkpoint.alignment_heads else None,
        shapes=export.shapes,
        parity=parity,
        golden=golden,
        arithmetic=arithmetic,
        tools=tool_versions(export.layout, export.precision),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        files=hash_folder(folder),
    )


def tool_versions(layout: str, precision: str) -> dict[str, str]:
    """Versions of everything that has a part in an artifact."""
    tools = [*TOOLS, *layout_row(layout).tools, *(("nncf",) if precision_row(precision).compressed else ())]
    return {"ovw": ovw.__version__} | {tool: metadata.version(tool) for tool in tools}
