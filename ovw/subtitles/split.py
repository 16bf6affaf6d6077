"""Split a span into the parts that become cues."""

from __future__ import annotations

from bisect import bisect_right

from ovw.subtitles.breaks import break_cost, fewest, partition, widow_cost
from ovw.subtitles.cues import MS, Atom, Cue
from ovw.subtitles.lines import Ruler, break_lines
from ovw.subtitles.options import LayoutOptions
from ovw.subtitles.spans import TimedText, on_tick

CUE = 2.0
"""Cost of a cue: one more is worth it where it saves a break within a phrase."""
SHORT = 2.0
"""Cost of a cue that stays for less than `min_cue`."""


def cues_of(span: TimedText, options: LayoutOptions, tick_ms: int) -> list[Cue]:
    """A cue, or several where the options demand it.

    Args:
        span: text and time.
        options: widths, counts and durations.
        tick_ms: times are multiples of this.
    """
    parts = _parts(span.atoms, options)
    if len(parts) * tick_ms > span.end_ms - span.start_ms:
        parts = [(0, len(span.atoms))]
    cues = []
    free_from = span.start_ms
    for number, (i, j) in enumerate(parts):
        atoms = span.atoms[i:j]
        latest = span.end_ms - (len(parts) - 1 - number) * tick_ms
        start = min(max(on_tick(atoms[0].start_ms, tick_ms), free_from), latest - tick_ms)
        free_from = min(max(on_tick(atoms[-1].end_ms, tick_ms), start + tick_ms), latest)
        cues.append(Cue(start, free_from, break_lines(atoms, options.max_line_width)))
    return cues


def _parts(atoms: tuple[Atom, ...], options: LayoutOptions) -> list[tuple[int, int]]:
    """Where to cut: few cues, like in length, that end where a sentence or a phrase does."""
    count = len(atoms)
    fitting = _Fitting(atoms, options)
    least = fewest(count, fitting.reach)
    if least == 1:
        return [(0, count)]
    even = max(1.0, fitting.ruler.width(0, count) / least)

    def cost(i: int, j: int) -> float:
        broken = break_cost(atoms[j - 1], atoms[j]) if j < count else 0.0
        length_ms = (atoms[j].start_ms if j < count else atoms[-1].end_ms) - atoms[i].start_ms
        short = SHORT if length_ms < options.min_cue * MS else 0.0
        return CUE + (fitting.ruler.width(i, j) / even) ** 2 + broken + short + widow_cost(atoms, i, j)

    return partition(count, fitting.reach, cost)


class _Fitting:
    """Counts the atoms that one cue can hold."""

    def __init__(self, atoms: tuple[Atom, ...], options: LayoutOptions) -> None:
        self.ruler = Ruler(atoms)
        self._starts = [atom.start_ms for atom in atoms]
        self._ends = [atom.end_ms for atom in atoms]
        self._options = options

    def reach(self, i: int) -> int:
        """Where a full cue that begins at atom `i` ends; it holds an atom at least."""
        options, count = self._options, len(self._ends)
        ends = [count]
        if options.max_words is not None:
            ends.append(i + options.max_words)
        if options.max_line_width is not None:
            end = i
            for _ in range(min(options.lines, count)):
                end = self.ruler.line_from(end, options.max_line_width) if end < count else count
            ends.append(end)
        if options.max_cue is not None:
            ends.append(bisect_right(self._ends, self._starts[i] + options.max_cue * MS))
        return max(i + 1, min(ends))
