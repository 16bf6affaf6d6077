"""Whether a checkpoint that came by another way is one of the published ones."""

from __future__ import annotations

import re

from ovw.convert.sources.checkpoint import Checkpoint
from ovw.models import ModelInfo, sizes

GGML_NAME = re.compile(r"ggml-(?P<size>.+?)(-q[458]_[01])?\.bin")
"""How whisper.cpp names the models that it offers for download."""


def published_as(checkpoint: Checkpoint) -> ModelInfo | None:
    """The published size that a checkpoint is: proved by a hash, or told by a publisher's own name for it.

    Dimensions alone tell nothing: a fine-tune has those of the model that it began as.
    """
    alike = (info for info in sizes().values() if info.dims == checkpoint.dims)
    return next((info for info in alike if _has_hash(checkpoint, info) or _has_name(checkpoint, info)), None)


def _has_hash(checkpoint: Checkpoint, info: ModelInfo) -> bool:
    sources = info.sources
    if sources.sha256 and checkpoint.sha256 == sources.sha256:
        return True
    return bool(sources.tensors_sha256) and checkpoint.tensors_sha256 == sources.tensors_sha256


def _has_name(checkpoint: Checkpoint, info: ModelInfo) -> bool:
    if checkpoint.kind == "ggml":
        match = GGML_NAME.fullmatch(checkpoint.reference)
        return match is not None and match["size"] == info.name
    return checkpoint.reference == f"hf:{info.sources.huggingface}"
