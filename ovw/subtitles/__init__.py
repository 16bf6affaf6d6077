"""Segments to subtitle files: one cue layout, one module a format."""

from __future__ import annotations

from collections.abc import Callable

from ovw.subtitles import json_, srt, txt, vtt
from ovw.subtitles.document import Document

Writer = Callable[[Document], str]

FORMATS: dict[str, Writer] = {"srt": srt.render, "vtt": vtt.render, "json": json_.render, "txt": txt.render}
"""Format name (and file extension) -> how to render a document."""
