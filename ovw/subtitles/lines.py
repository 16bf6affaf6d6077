"""Break the text of a cue into lines of like width."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate, pairwise

from ovw.subtitles.breaks import break_cost, fewest, partition, widow_cost
from ovw.subtitles.cues import Atom, Line
from ovw.subtitles.text import columns

LINE = 1000.0
"""Cost of a line: as few as possible come before everything else."""
UNEVEN = 4.0
"""Cost of a line that is twice as wide as the mean."""
BREAK = 0.4
"""Weight of where a line is broken."""


class Ruler:
    """Measures consecutive atoms.

    Args:
        atoms: to be measured.
    """

    def __init__(self, atoms: Sequence[Atom]) -> None:
        self._gaps = [bool(atom.gap) for atom in atoms]
        widths = [bool(atom.gap) + columns(atom.text) for atom in atoms]
        self._edges = list(accumulate(widths, initial=0))

    def width(self, i: int, j: int) -> int:
        """Columns of the atoms `[i, j)` on one line."""
        return self._edges[j] - self._edges[i] - self._gaps[i]

    def line_from(self, i: int, limit: int) -> int:
        """Where a full line that begins at atom `i` ends; it holds an atom at least."""
        return max(i + 1, bisect_right(self._edges, self._edges[i] + self._gaps[i] + limit) - 1)


def break_lines(atoms: Sequence[Atom], width: int | None) -> tuple[Line, ...]:
    """The fewest lines that hold the text, as even as they go, rather broken after punctuation than in a phrase.

    Args:
        atoms: the text of a cue.
        width: columns of a line; `None` breaks only where the text had line ends.
    """
    if width is None:
        starts = [0, *(i for i, atom in enumerate(atoms) if i and atom.gap == "\n"), len(atoms)]
        return tuple(tuple(atoms[i:j]) for i, j in pairwise(starts))
    ruler, count = Ruler(atoms), len(atoms)

    def reach(i: int) -> int:
        return ruler.line_from(i, width)

    even = max(1.0, ruler.width(0, count) / fewest(count, reach))

    def cost(i: int, j: int) -> float:
        uneven = UNEVEN * (ruler.width(i, j) / even - 1) ** 2
        broken = BREAK * break_cost(atoms[j - 1], atoms[j]) if j < count else 0.0
        return LINE + uneven + broken + widow_cost(atoms, i, j)

    return tuple(tuple(atoms[i:j]) for i, j in partition(count, reach, cost))
