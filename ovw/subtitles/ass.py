"""Advanced SubStation Alpha."""

from __future__ import annotations

from itertools import pairwise

from ovw.subtitles.cues import Atom, Cue, join
from ovw.subtitles.document import Document
from ovw.subtitles.layout import lay_out, word_starts
from ovw.subtitles.options import PLAIN, LayoutOptions
from ovw.subtitles.text import title

TICK_MS = 10
WITHOUT_MEANING = str.maketrans("{}\\", "｛｝＼")
"""The format cannot quote these three in a way all readers know; the full-width forms mean nothing to any of them."""
HEADER = """\
[Script Info]
Title: {title}
ScriptType: v4.00+
PlayResX: 1280
PlayResY: 720
WrapStyle: 0
ScaledBorderAndShadow: yes

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, \
StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding
Style: Default,Arial,48,&H00FFFFFF,&H00A0A0A0,&H00000000,&H80000000,0,0,0,0,100,100,0,0,1,2.5,1,2,60,60,40,1

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""


def render(document: Document, layout: LayoutOptions = PLAIN) -> str:
    """A header with one style, then a line a cue; highlighted words are karaoke."""
    show = _karaoke if layout.highlight_words else _text
    events = (
        f"Dialogue: 0,{_clock(cue.start_ms)},{_clock(cue.end_ms)},Default,,0,0,0,,{show(cue)}\n"
        for cue in lay_out(document, layout, TICK_MS)
    )
    return HEADER.format(title=title(document.media)) + "".join(events)


def _text(cue: Cue) -> str:
    return r"\N".join(join(line, _escaped) for line in cue.lines)


def _karaoke(cue: Cue) -> str:
    """The text with how long each word is sung, in hundredths of a second."""
    edges = [*word_starts(cue, TICK_MS), cue.end_ms]
    lengths = {id(atom): end - start for atom, (start, end) in zip(cue.atoms, pairwise(edges), strict=True)}

    def show(atom: Atom) -> str:
        return f"{{\\k{lengths[id(atom)] // TICK_MS}}}{_escaped(atom)}"

    return r"\N".join(join(line, show) for line in cue.lines)


def _escaped(atom: Atom) -> str:
    return atom.text.translate(WITHOUT_MEANING)


def _clock(ms: int) -> str:
    """`h:mm:ss.cc`."""
    hours, rest = divmod(ms, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    return f"{hours}:{minutes:02d}:{rest // 1000:02d}.{rest % 1000 // 10:02d}"
