"""`from ovw.convert import convert`: a conversion in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ovw.config import build
from ovw.convert.config import ConvertConfig
from ovw.convert.pipeline import convert as convert_all
from ovw.convert.plan import SILENT, Converted, ConvertObserver
from ovw.errors import UsageError
from ovw.models import size_name


def convert(
    model: str | Path, *, precision: str = "fp16", observer: ConvertObserver = SILENT, **options: Any
) -> Converted:
    """Convert one checkpoint, or have it if an equal artifact is there already.

        made = convert("base", precision="int8")
        made.folder, made.figures()

    Args:
        model: a size, such as `base` or `openai/whisper-base`, or any source that `--weights` takes.
        precision: of the stored weights.
        observer: callbacks for progress.
        **options: other fields of `ConvertConfig`, such as `layout` and `output`.

    Raises:
        OvwError: no such checkpoint, or the artifact does not pass its gates.
    """
    size = size_name(str(model))
    wanted = {"size": size} if size else {"weights": str(model)}
    config = build(ConvertConfig, {**wanted, "precision": precision, **options})
    if len(config.precision) * len(config.layout) > 1:
        raise UsageError("one artifact at a time: several precisions or layouts were asked for", "call it for each")
    (made,) = convert_all(config, observer)
    return made
