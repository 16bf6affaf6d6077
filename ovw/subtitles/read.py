"""Read the texts of subtitle files and plain text files."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from operator import attrgetter, itemgetter
from pathlib import Path

from ovw.errors import OvwError, reason
from ovw.parsing import from_json
from ovw.subtitles import srt, tsv
from ovw.text_files import decode_text, read_text

WANTED = "give a text file, or subtitles as .srt, .vtt, .ass or .lrc, or as .json or .tsv of ovw"
OF_OTHERS = frozenset({".ttml", ".dfxp", ".xml", ".smi", ".sami", ".sub", ".sbv", ".csv", ".jsonl"})
"""Endings of subtitles and data that are not read: as plain text, their markup and times would be words."""
OVERRIDE = re.compile(r"\{\\[^}]*\}")
"""A change of style, such as `{\\i1}`, which SubRip files have too."""
DRAWING = re.compile(r"\{[^{}]*\\p[1-9][^{}]*\}.*?(?=\{[^{}]*\\p0|\Z)", re.DOTALL)
"""Shapes: behind `{\\p1}`, lines and curves stand where text does, up to `{\\p0}`."""
TAGS = {"srt": re.compile(r"< */? *[A-Za-z][^<>]*>"), "vtt": re.compile(r"<[^<>]*>")}
"""Such as `<i>`, `<v Anna>`, `<00:01.000>`."""
NUMBER = re.compile(r"\s*(\d{1,9})\s*")
"""A line that may be the number of a cue."""
CUE_TIMES = re.compile(r"\s*(?:(\d{1,9}):)?(\d{1,9}):(\d{1,9}(?:[.,]\d+)?)\s*--?>")
"""Begins the line with the times of a SubRip or WebVTT cue."""
_TIME = r"(\d+):(\d\d)(?:[.:](\d+))?"
LRC_TAG = re.compile(rf"\[[a-z#]+:[^\]]*\]|[\[<]{_TIME}[\]>]", re.IGNORECASE)
"""Tags of lyrics: title and the like, times of lines and of words."""
LRC_TIMES = re.compile(rf"(?:\[{_TIME}\])+")
"""When a line is sung; a chorus has several times."""
LRC_TIME = re.compile(rf"\[{_TIME}\]")


def read_passages(path: Path) -> str | Sequence[str]:
    """The cues of a subtitle file, without their times and markup; the whole text of any other file.

    Raises:
        OvwError: it cannot be read, or not as the subtitles or data that its ending names.
    """
    try:
        text = read_text(path)
    except (OSError, UnicodeDecodeError) as error:
        raise OvwError(f"{path} cannot be read as text: {reason(error)}", WANTED) from error
    ending, name = path.suffix.lower(), str(path)
    if ending in OF_OTHERS:
        raise _unreadable(name, f"{ending} is not supported")
    read = READERS.get(ending)
    return read(text, name) if read else text


def _unreadable(name: str, why: str) -> OvwError:
    return OvwError(f"{name} cannot be read as subtitles: {why}", WANTED)


def _present(cues: Iterable[str], name: str) -> list[str]:
    """The cues that have text, one line each."""
    found = [line for line in (" ".join(cue.split()) for cue in cues) if line]
    if not found:
        raise OvwError(f"{name} has no cue in it", "a text that is not timed belongs into a .txt file")
    return found


def _of_json(text: str, name: str) -> list[str]:
    """The segments of a transcript: `json` and `verbose_json` of ovw, and what openai-whisper writes."""
    try:
        cues = [segment["text"] for segment in from_json(text)["segments"]]
    except (ValueError, LookupError, TypeError):
        cues = [None]
    if not all(isinstance(cue, str) for cue in cues):
        raise _unreadable(name, "it is no transcript of ovw")
    return _present(cues, name)


def _of_tsv(text: str, name: str) -> list[str]:
    header, *rows = text.rstrip("\n").split("\n")
    cells = [row.split("\t", 2) for row in rows]
    if header != tsv.HEADER or any(len(row) < 3 for row in cells):
        raise _unreadable(name, "it is no table of ovw, with start, end and text")
    return _present((row[2] for row in cells), name)


def _of_lrc(text: str, name: str) -> list[str]:
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


def _of_ass(text: str, name: str) -> list[str]:
    """The texts of cues in the order of their times, without markup and drawings."""
    import pysubs2

    try:
        events = pysubs2.SSAFile.from_string(text, format_=Path(name).suffix.lower().removeprefix(".")).events
    except (pysubs2.exceptions.Pysubs2Error, ValueError, IndexError) as error:
        raise _unreadable(name, reason(error)) from error
    shown = sorted((event for event in events if not event.is_comment), key=attrgetter("start"))
    return _present((replace(event, text=DRAWING.sub("", event.text)).plaintext for event in shown), name)


def _of_srt(text: str, name: str) -> list[str]:
    """The texts between lines with times, without the numbers of cues."""
    cues: list[tuple[float, list[str]]] = [(0.0, [])]  # the first is what stands before all cues
    number: int | None = 0
    for line in _lines(text):
        if times := CUE_TIMES.match(line):
            number = _take_number(cues[-1][1], number, before_times=True)
            cues.append((_start_s(times), []))
        else:
            cues[-1][1].append(line)
    _take_number(cues[-1][1], number, before_times=False)
    return _in_order(cues[1:], "srt", name)


def _take_number(lines: list[str], previous: int | None, *, before_times: bool) -> int | None:
    """Take the number of the next cue from the end of the lines of a cue; `None` if there is none.

    A line of digits is one if it goes on from the previous number, or stands between a blank line and times.
    """
    last = max((at for at, line in enumerate(lines) if line.strip()), default=-1)
    found = NUMBER.fullmatch(lines[last]) if last >= 0 else None
    if found is None:
        return None
    number = int(found[1])
    in_place = before_times and last == len(lines) - 1 and last > 0 and not lines[last - 1].strip()
    if not in_place and (previous is None or number != previous + 1):
        return None
    del lines[last:]
    return number


def _of_vtt(text: str, name: str) -> list[str]:
    """The texts behind lines with times, up to a blank line; others are identifiers, comments, styles and regions."""
    cues: list[tuple[float, list[str]]] = []
    in_cue = False
    for line in _lines(text):
        if times := CUE_TIMES.match(line):
            cues.append((_start_s(times), []))
            in_cue = True
        elif in_cue := in_cue and bool(line.strip()):
            cues[-1][1].append(line)
    return _in_order(cues, "vtt", name)


def _lines(text: str) -> list[str]:
    """Lines of a file, whatever its line ends are; doubled ones count once."""
    lines = re.sub(r"\r+\n?", "\n", text).split("\n")
    return lines[::2] if len(lines) > 2 and not any(line.strip() for line in lines[1::2]) else lines


def _start_s(times: re.Match[str]) -> float:
    hours, minutes, seconds = times.groups("0")
    return 3600 * int(hours) + 60 * int(minutes) + float(seconds.replace(",", "."))


def _in_order(cues: Sequence[tuple[float, list[str]]], ending: str, name: str) -> list[str]:
    """The texts of cues in the order of their times, without markup and drawings; words in braces are text."""
    texts = ("\n".join(lines) for _, lines in sorted(cues, key=itemgetter(0)))
    plain = (OVERRIDE.sub("", TAGS[ending].sub("", DRAWING.sub("", text))) for text in texts)
    return _present((html.unescape(text) if ending == "vtt" else srt.mend_tags(text) for text in plain), name)


READERS: Mapping[str, Callable[[str, str], list[str]]] = {
    ".srt": _of_srt,
    ".vtt": _of_vtt,
    **dict.fromkeys((".ass", ".ssa"), _of_ass),
    ".lrc": _of_lrc,
    **dict.fromkeys((".json", ".verbose_json"), _of_json),
    ".tsv": _of_tsv,
}
"""Ending -> the passages of a text, given with its file's name."""


def decode_passages(data: bytes, name: str) -> str:
    """The text of bytes that came through a pipe.

    Raises:
        OvwError: they are no text.
    """
    try:
        return decode_text(data, name)
    except UnicodeDecodeError as error:
        raise OvwError(f"{name} cannot be read as text: {reason(error)}", WANTED) from error
