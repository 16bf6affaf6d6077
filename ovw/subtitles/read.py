"""Read the texts of subtitle files and plain text files."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import replace
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import Any

from ovw.errors import OvwError, reason
from ovw.text_files import decode_text, read_text

WANTED = "give a text file, or subtitles as .srt, .vtt, .ass or .lrc"
TIMED = (".srt", ".vtt", ".ass", ".ssa")
"""Endings of files whose cues are the passages."""
OVERRIDE = re.compile(r"\{\\[^}]*\}")
"""A change of style, such as `{\\i1}`; pysubs2 turns other markup into it."""
DRAWING = re.compile(r"\{[^{}]*\\p[1-9][^{}]*\}.*?(?=\{[^{}]*\\p0|\Z)", re.DOTALL)
"""Shapes: behind `{\\p1}`, lines and curves stand where text does, up to `{\\p0}`."""
VTT_TAG = re.compile(r"<[^>]*>")
"""Tags that pysubs2 leaves: times of words."""
LRC_TAG = re.compile(r"\[[a-z#]+:[^\]]*\]|[\[<]\d+:\d\d(?:[.:]\d+)?[\]>]", re.IGNORECASE)
"""Tags of lyrics: title and the like, times of lines and of words."""
LRC_TIMES = re.compile(r"(?:\[\d+:\d\d(?:[.:]\d+)?\])+")
"""When a line is sung; a chorus has several times."""
LRC_TIME = re.compile(r"\[(\d+):(\d\d)(?:[.:](\d+))?\]")


def read_passages(path: Path) -> str | Sequence[str]:
    """The cues of a subtitle file, without their times and markup; the whole text of any other file.

    Raises:
        OvwError: it cannot be read, or is no subtitle file though it is named like one.
    """
    try:
        text = read_text(path)
    except (OSError, UnicodeDecodeError) as error:
        raise OvwError(f"{path} cannot be read as text: {reason(error)}", WANTED) from error
    if path.suffix.lower() == ".lrc":
        return _lyrics(text)
    return cue_texts(text, str(path), path.suffix.lower().removeprefix(".")) if path.suffix.lower() in TIMED else text


def _lyrics(text: str) -> list[str]:
    """The lines of lyrics in the order of their times, as often as each is sung; one without times follows the last."""
    lines: list[tuple[float, str]] = []
    times = [0.0]
    for line in text.splitlines():
        if found := LRC_TIMES.match(line.strip()):
            tags = LRC_TIME.findall(found[0])
            times = [60 * int(minutes) + int(seconds) + float(f"0.{part or 0}") for minutes, seconds, part in tags]
        if words := " ".join(LRC_TAG.sub("", line).split()):
            lines += [(time, words) for time in times]
    return [words for _, words in sorted(lines, key=itemgetter(0))]


def cue_texts(text: str, name: str, ending: str) -> list[str]:
    """The texts of cues in the order of their times, one line each.

    Args:
        text: of the file.
        name: of it, for messages.
        ending: of it, one of `TIMED` without the dot.

    Raises:
        OvwError: there is no cue in it.
    """
    import pysubs2

    try:
        events = pysubs2.SSAFile.from_string(text, format_=ending).events
    except (pysubs2.exceptions.Pysubs2Error, ValueError, IndexError) as error:
        raise OvwError(f"{name} cannot be read as subtitles: {reason(error)}", WANTED) from error
    shown = sorted((event for event in events if not event.is_comment), key=attrgetter("start"))
    cues = [" ".join(_plain(event, ending).split()) for event in shown]
    if not any(cues):
        raise OvwError(f"{name} has no cue in it", "a text that is not timed belongs into a .txt file")
    return [cue for cue in cues if cue]


def _plain(event: Any, ending: str) -> str:
    """The text of a cue without markup and drawings; of SubRip and WebVTT, words in braces are text."""
    event = replace(event, text=DRAWING.sub("", event.text))
    if ending not in ("srt", "vtt"):
        return str(event.plaintext)
    text = OVERRIDE.sub("", event.text.replace(r"\N", "\n"))
    return html.unescape(VTT_TAG.sub("", text)) if ending == "vtt" else text


def decode_passages(data: bytes, name: str) -> str:
    """The text of bytes that came through a pipe.

    Raises:
        OvwError: they are no text.
    """
    try:
        return decode_text(data, name)
    except UnicodeDecodeError as error:
        raise OvwError(f"{name} cannot be read as text: {reason(error)}", WANTED) from error
