"""The layout for whisper.cpp and what is built on it, such as Audacity's plugin: a ggml file and its encoder as IR."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from ovw.artifact.names import GGML_ENCODER_ENDING, ggml_stem
from ovw.convert.layouts.export import Export
from ovw.convert.layouts.ggml import write_ggml


def write_whispercpp(folder: Path, export: Export) -> None:
    """Write the ggml file, the encoder that whisper.cpp looks for beside it, and the encoder under further names.

    whisper.cpp replaces `.bin` of the ggml file by `-encoder-openvino.xml` and nothing else, so a quantized file such
    as `ggml-base-q5_0.bin` needs the encoder under its own name. Weights are shared by hard links.
    """
    stem = ggml_stem(export.name)
    write_ggml(folder / f"{stem}.bin", export.checkpoint)
    (encoder,) = export.graphs()
    export.save_encoder(encoder, folder)
    link_encoder(folder, stem, export.ggml_names)


def link_encoder(folder: Path, stem: str, others: Iterable[str]) -> None:
    """Give the encoder of a ggml file the names that further ggml files look for, without taking more room."""
    for other in set(others) - {stem}:
        for end in ("xml", "bin"):
            os.link(folder / f"{stem}{GGML_ENCODER_ENDING}.{end}", folder / f"{other}{GGML_ENCODER_ENDING}.{end}")
