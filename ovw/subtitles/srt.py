"""SubRip."""

from __future__ import annotations

import re

from ovw.subtitles.cues import clock
from ovw.subtitles.document import Document
from ovw.subtitles.layout import lay_out_words
from ovw.subtitles.options import PLAIN, LayoutOptions

JOINER = "\u2060"
"""Word joiner: it takes no room and allows no break."""
LIKE_TAG = re.compile(r"<(?=\s*(?:[A-Za-z_/]|\Z)|\d)|\{(?=\\|[CcFfoPSsYy]:)")
"""Begins what players take for markup, or may with the next word: `<b>`, `< b>`, `<3 >`, `{\\an8}`, `{y:i}`."""
BROKEN_TAG = re.compile(f"(?<=[<{{]){JOINER}")


def render(document: Document, layout: LayoutOptions = PLAIN) -> str:
    """Numbered cues, times with a comma; no text is taken for markup."""
    return "".join(
        f"{number}\n{clock(cue.start_ms, ',')} --> {clock(cue.end_ms, ',')}\n{cue.marked_up(break_tags)}\n\n"
        for number, cue in enumerate(lay_out_words(document, layout), start=1)
    )


def break_tags(text: str) -> str:
    """Text that players show as it is: the format cannot quote, so a joiner stands behind the first mark of a tag."""
    return LIKE_TAG.sub(rf"\g<0>{JOINER}", text)


def mend_tags(text: str) -> str:
    """Text as it was before `break_tags`."""
    return BROKEN_TAG.sub("", text)
