"""The layout of the OpenVINO notebook: an encoder and a decoder whose caches are inputs and outputs."""

from __future__ import annotations

from pathlib import Path

from ovw.convert.layouts.export import Export
from ovw.convert.layouts.genai import write_configs


def write_stateless(folder: Path, export: Export) -> None:
    """Write every file of the layout but the manifest.

    With static shapes the caches keep their size, a third graph projects the audio, and an input of the decoder
    holds how much of its caches is filled.
    """
    write_configs(folder, export.checkpoint)
    encoder, *decoder = export.graphs()
    export.save_encoder(encoder, folder)
    models = export.frontend.fixed() if len(decoder) > 1 else (export.frontend.stateless(),)
    for model, graph in zip(models, decoder, strict=True):
        export.save_decoder(model, graph, folder)
