"""`ovw models`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from ovw.models import Sources


def run() -> None:
    """List every size: dimensions, languages, where its weights can come from, and which artifacts are here."""
    from ovw.artifact.layouts import split_name
    from ovw.artifact.locate import installed
    from ovw.cli.console import print_table
    from ovw.models import sizes

    here = [folder.name for folder in installed()]
    rows = []
    for info in sizes().values():
        dims = info.dims
        n_languages = len(info.capabilities.languages)
        rows.append(
            [
                info.name,
                f"{dims.parameters / 1e6:.0f} M",
                str(dims.n_mels),
                f"{dims.n_audio_layer} + {dims.n_text_layer}",
                "English" if n_languages == 1 else str(n_languages),
                "yes" if info.capabilities.translate else "no",
                _origins(info.sources),
                ", ".join(name for name in here if split_name(name)[0] == info.name),
            ]
        )
    header = ["size", "parameters", "mels", "layers", "languages", "translate", "weights", "artifacts here"]
    print_table(header, rows)
    if others := [name for name in here if name.rpartition("-")[0] not in sizes()]:
        typer.echo(f"other artifacts here: {', '.join(others)}")


def _origins(sources: Sources) -> str:
    ways = [f"pip: ovw[{sources.extra}]" if sources.extra else "", "OpenAI" if sources.openai else ""]
    return ", ".join([*filter(None, ways), f"hf:{sources.huggingface}"])
