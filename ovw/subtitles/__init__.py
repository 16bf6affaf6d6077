"""Segments to subtitle files: one cue layout, one module a format. Importing this loads none of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING

from ovw.lazy import lazy_exports

if TYPE_CHECKING:
    from ovw.subtitles.document import Document as Document
    from ovw.subtitles.options import LayoutOptions as LayoutOptions

__all__ = ["FORMATS", "Document", "LayoutOptions", "Writer"]

Writer = Callable[["Document", "LayoutOptions"], str]


class FormatRegistry(Mapping[str, Writer]):
    """Format name (and file extension) -> the function that renders a document; its module is loaded when asked for.

    Args:
        modules: format name -> the module of this package whose `render` writes it.
    """

    def __init__(self, modules: Mapping[str, str]) -> None:
        self._modules = modules

    def __getitem__(self, name: str) -> Writer:
        render: Writer = import_module(f"{__name__}.{self._modules[name]}").render
        return render

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __len__(self) -> int:
        return len(self._modules)


MODULES = {
    "srt": "srt",
    "vtt": "vtt",
    "json": "json_",
    "verbose_json": "verbose_json",
    "tsv": "tsv",
    "txt": "txt",
    "lrc": "lrc",
    "ass": "ass",
}
"""Format name -> module: a new format is a module and an entry here."""
FORMATS = FormatRegistry(MODULES)
JSON = ("json", "verbose_json")
IN_A_ROW = ("txt", *JSON)
"""Formats of which several documents may follow each other: text, and JSON with a line for each."""


__getattr__ = lazy_exports(__name__, {"Document": "ovw.subtitles.document", "LayoutOptions": "ovw.subtitles.options"})
