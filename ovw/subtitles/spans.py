"""From segments to stretches of time with their text: in order, apart, inside the media, no word lost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise

from ovw.subtitles.cues import MS, Atom
from ovw.subtitles.text import LINE_END, SPACES, clean, columns, no_arrow, unbroken
from ovw.transcribe.result import Segment

SHORTEST_MS = 100
"""A segment that overlaps the one before or passes the end of the media needs this much time of its own."""
LAST_RESORT_MS = 1000
"""Time of text that has none, where no other time is known."""


@dataclass(frozen=True)
class TimedText:
    """Text and its time; `start_ms < end_ms`, and the atoms' times are in order within."""

    start_ms: int
    end_ms: int
    atoms: tuple[Atom, ...]

    @classmethod
    def of(cls, start_ms: int, end_ms: int, atoms: Sequence[Atom]) -> TimedText:
        """A span whose atoms fill it from its start to its end."""
        fitted: list[Atom] = []
        at = start_ms
        for atom in atoms:
            begin = min(max(atom.start_ms, at), end_ms)
            at = min(max(atom.end_ms, begin), end_ms)
            fitted.append(replace(atom, start_ms=begin, end_ms=at))
        fitted[0] = replace(fitted[0], start_ms=start_ms)
        fitted[-1] = replace(fitted[-1], end_ms=end_ms)
        return cls(start_ms, end_ms, tuple(fitted))

    @classmethod
    def sharing(cls, start_ms: int, end_ms: int, atoms: Sequence[Atom]) -> TimedText:
        """A span whose atoms share its time in proportion to their columns."""
        widths = [columns(atom.text) for atom in atoms]
        scale = (end_ms - start_ms) / max(1, sum(widths))
        edges = [start_ms + round(done * scale) for done in accumulate(widths, initial=0)]
        timed = zip(atoms, pairwise(edges), strict=True)
        return cls.of(start_ms, end_ms, [replace(atom, start_ms=a, end_ms=b) for atom, (a, b) in timed])


def last_tick(duration: float, tick_ms: int) -> int:
    """The latest time in a media of so many seconds."""
    return int(duration * MS + 1e-6) // tick_ms * tick_ms


def spans_of(segments: Iterable[Segment], last_ms: int, tick_ms: int) -> list[TimedText]:
    """A span for every segment that has text and time; text without time joins the span before it.

    Args:
        segments: in time order; one that overlaps those before it begins where they end.
        last_ms: end of the media; spans are cut there.
        tick_ms: times are multiples of this.
    """
    found: list[TimedText] = []
    timeless: list[Atom] = []
    for segment in segments:
        atoms = list(_atoms(segment))
        if not atoms:
            continue
        start, end = on_tick(segment.start * MS, tick_ms), on_tick(segment.end * MS, tick_ms)
        own_start, own_end = max(start, found[-1].end_ms if found else 0), min(end, last_ms)
        if own_end - own_start >= max(tick_ms, min(end - start, SHORTEST_MS)):
            fill = TimedText.sharing if timeless else TimedText.of
            found.append(fill(own_start, own_end, timeless + atoms))
            timeless = []
        elif found:
            last = found[-1]
            found[-1] = TimedText.sharing(last.start_ms, last.end_ms, (*last.atoms, *atoms))
        else:
            timeless += atoms
    if timeless and last_ms:
        start = on_tick(max(0, min(timeless[0].start_ms, last_ms - LAST_RESORT_MS)), tick_ms)
        found.append(TimedText.sharing(start, min(last_ms, start + LAST_RESORT_MS), timeless))
    return found


def segments_of(spans: Iterable[TimedText], segments: Iterable[Segment]) -> Iterator[list[Segment]]:
    """The segments whose text each span holds: whole ones, in order.

    Args:
        spans: that `spans_of` made.
        segments: that it made them of.
    """
    counted = ((segment, sum(1 for _ in _atoms(segment))) for segment in segments)
    with_text = ((segment, count) for segment, count in counted if count)
    for span in spans:
        found, missing = [], len(span.atoms)
        while missing:
            segment, count = next(with_text)
            found.append(segment)
            missing -= count
        yield found


def on_tick(ms: float, tick_ms: int) -> int:
    """The nearest multiple of a tick."""
    return round(ms / tick_ms) * tick_ms


def _atoms(segment: Segment) -> Iterator[Atom]:
    """The atoms of a segment: timed by its words, else in proportion to columns."""
    text, times = _timed(segment)
    position, gap = 0, "\n"
    for space in [*SPACES.finditer(text), None]:
        until = space.start() if space else len(text)
        for part in unbroken(text[position:until]):
            if part.strip():
                timed = times[position : position + len(part)]
                yield Atom(no_arrow(part.strip()), gap, round(timed[0][0] * MS), round(timed[-1][1] * MS))
                gap = ""
            position += len(part)
        if space:
            gap = gap if gap == "\n" else "\n" if LINE_END.search(space.group()) else " "
            position = space.end()


def _timed(segment: Segment) -> tuple[str, list[tuple[float, float]]]:
    """The text and the time of each of its characters."""
    runs = [(w.word, w.start, w.end) for w in segment.words or ()] or [(segment.text, segment.start, segment.end)]
    whole, times = "", []
    for raw, start, end in runs:
        text = clean(raw)
        widths = [0 if character.isspace() else columns(character) for character in text]
        scale = (end - start) / max(1, sum(widths))
        done = 0
        for width in widths:
            times.append((start + done * scale, start + (done + width) * scale))
            done += width
        whole += text
    return whole, times
