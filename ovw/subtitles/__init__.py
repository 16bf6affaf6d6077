"""Segments to subtitle files: one cue layout, one module a format."""

from __future__ import annotations

from collections.abc import Callable

from ovw.subtitles import ass, json_, lrc, srt, tsv, txt, vtt
from ovw.subtitles.document import Document
from ovw.subtitles.options import LayoutOptions

__all__ = ["FORMATS", "Document", "LayoutOptions", "Writer"]

Writer = Callable[[Document, LayoutOptions], str]

FORMATS: dict[str, Writer] = {
    "srt": srt.render,
    "vtt": vtt.render,
    "json": json_.render,
    "tsv": tsv.render,
    "txt": txt.render,
    "lrc": lrc.render,
    "ass": ass.render,
}
"""Format name (and file extension) -> how to render a document."""
