"""The facts of an artifact: what is written into its manifest and its IR."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import ovw
from ovw.artifact.hashing import hash_folder
from ovw.artifact.manifest import SCHEMA_VERSION, Golden, Manifest, Parity, Shapes, Source
from ovw.convert.sources.checkpoint import Checkpoint
from ovw.models import Capabilities, ModelInfo, languages

TOOLS = ("openvino", "openvino-tokenizers", "openai-whisper", "torch", "transformers", "numpy")


def describe(
    folder: Path,
    name: str,
    precision: str,
    checkpoint: Checkpoint,
    weights_sha256: str,
    can: Capabilities,
    proof: tuple[Parity, Golden],
) -> Manifest:
    """The manifest of a finished, not yet placed artifact; hashes every file in `folder`."""
    dims, (parity, golden) = checkpoint.dims, proof
    return Manifest(
        schema_version=SCHEMA_VERSION,
        name=name,
        layout="genai",
        precision=precision,
        compression=None,
        frontend="graph",
        source=Source(
            kind=checkpoint.kind,
            reference=checkpoint.reference,
            sha256=checkpoint.sha256,
            tensors_sha256=weights_sha256,
        ),
        dims=dims.as_dict(),
        languages=list(can.languages),
        translate=can.translate,
        alignment_heads=list(checkpoint.alignment_heads) if checkpoint.alignment_heads else None,
        shapes=Shapes(kind="dynamic", batch=(1, -1), tokens=(1, dims.n_text_ctx), frames=(1, dims.n_frames)),
        parity=parity,
        golden=golden,
        tools=tool_versions(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        files=hash_folder(folder),
    )


def capabilities(info: ModelInfo | None, checkpoint: Checkpoint) -> Capabilities:
    """What the model can be asked for: known for named sizes, else told by the source or by OpenAI's vocabulary."""
    if known := info.capabilities if info else checkpoint.capabilities:
        return known
    dims = checkpoint.dims
    tongues = tuple(languages())[: dims.n_languages] if dims.multilingual else ("en",)
    return Capabilities(tongues, dims.multilingual)


def tool_versions() -> dict[str, str]:
    """Versions of everything that has a part in an artifact."""
    return {"ovw": ovw.__version__} | {tool: metadata.version(tool) for tool in TOOLS}
