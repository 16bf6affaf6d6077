"""`ovw models`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ovw.cli.console import Terminal
from ovw.cli.options import Json, print_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ovw.models import ModelInfo, Sources


def run(json_: Json = False) -> None:
    """List every size: dimensions, languages, where its weights can come from, and which artifacts are here."""
    from ovw.artifact.layouts import split_name
    from ovw.artifact.locate import installed
    from ovw.models import sizes

    here = [folder.name for folder in installed()]
    rows = []
    for info in sizes().values():
        dims = info.dims
        n_languages = len(info.capabilities.languages)
        rows.append(
            {
                "size": info.name,
                "parameters": f"{dims.parameters / 1e6:.0f} M",
                "mels": dims.n_mels,
                "layers": f"{dims.n_audio_layer} + {dims.n_text_layer}",
                "languages": "English" if n_languages == 1 else n_languages,
                "translate": "yes" if info.capabilities.translate else "no",
                "weights": _origins(info.sources),
                "artifacts here": ", ".join(name for name in here if split_name(name)[0] == info.name),
            }
        )
    others = [name for name in here if split_name(name)[0] not in sizes()]
    if json_:
        print_json({"sizes": [_described(info, here) for info in sizes().values()], "other_artifacts": others})
        return
    terminal = Terminal()
    terminal.rows(rows)
    if others:
        terminal.result(f"other artifacts here: {', '.join(others)}")


def _described(info: ModelInfo, here: Sequence[str]) -> dict[str, Any]:
    """A size for programs."""
    from ovw.artifact.layouts import split_name

    dims = info.dims
    return {
        "size": info.name,
        "parameters": dims.parameters,
        "mels": dims.n_mels,
        "encoder_layers": dims.n_audio_layer,
        "decoder_layers": dims.n_text_layer,
        "languages": list(info.capabilities.languages),
        "translate": info.capabilities.translate,
        "huggingface": info.sources.huggingface,
        "openai": bool(info.sources.openai),
        "extra": info.sources.extra,
        "artifacts": [name for name in here if split_name(name)[0] == info.name],
    }


def _origins(sources: Sources) -> str:
    ways = [f"pip: ovw[{sources.extra}]" if sources.extra else "", "OpenAI" if sources.openai else ""]
    return ", ".join([*filter(None, ways), f"hf:{sources.huggingface}"])
