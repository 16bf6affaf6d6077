"""From segments to cues: what stands on the screen, and when."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ovw.transcribe.result import Segment

MS = 1000


@dataclass(frozen=True)
class Cue:
    """A subtitle.

    Attributes:
        start_ms, end_ms: whole milliseconds from the start of the media; `start_ms < end_ms`.
        text: without line ends that would end the cue.
    """

    start_ms: int
    end_ms: int
    text: str


def lay_out(segments: Iterable[Segment], duration: float) -> Iterator[Cue]:
    """One cue a segment, in order, none overlapping the one before or passing the end of the media.

    Args:
        segments: in time order.
        duration: of the media in seconds.
    """
    last_ms = round(duration * MS)
    free_from = 0
    for segment in segments:
        start = max(free_from, round(segment.start * MS))
        end = min(last_ms, round(segment.end * MS))
        text = clean(segment.text)
        if text and start < end:
            yield Cue(start, end, text)
            free_from = end


def clean(text: str) -> str:
    """Text that cannot be mistaken for the structure of a subtitle file: no blank lines, no arrows, no NUL."""
    lines = (" ".join(line.split()) for line in text.replace("\0", "").splitlines())
    return "\n".join(line for line in lines if line).replace("-->", "->")


def clock(ms: int, separator: str) -> str:
    """`01:02:03,456`: hours always, two digits at least."""
    hours, rest = divmod(ms, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    seconds, millis = divmod(rest, MS)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}{separator}{millis:03d}"
