"""Where text is best broken: after sentences, then after phrases, else so that the parts are alike."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from ovw.subtitles.cues import Atom
from ovw.subtitles.text import columns

SENTENCE_ENDS = frozenset(".!?…。！？｡؟۔।॥։።")
PHRASE_ENDS = frozenset(",;:–—，、；：､،؛፣")
CLOSERS = "\"'”’»›)]}」』）】》〉"
OPENERS = "«‹“‘„([{「『（【《〈¿¡"
TRAILING = "".join(SENTENCE_ENDS | PHRASE_ENDS - {"–", "—"} - {".", "…"}) + CLOSERS.strip("\"'") + "%‰ๆฯໆຯៗ"
"""Punctuation that belongs to the word before it, also where a space is written between, as in French."""
AFTER_SENTENCE, AFTER_PHRASE, ANYWHERE, AFTER_SHORT_WORD, BESIDE_MARK = 0.0, 1.0, 3.0, 5.0, 50.0
"""Costs of a break."""
SHORT_COLUMNS = 3
"""Words this short are mostly articles and prepositions, which belong to what follows, in any language with spaces."""
PAUSE_MS = 300
"""A pause that counts as the end of a phrase."""
WIDOW = 3.0
"""Cost of a part that is a single short word."""
WIDOW_COLUMNS = 8


def break_cost(before: Atom, after: Atom) -> float:
    """Cost of a break between two atoms, by how much it disturbs the reader."""
    if not after.text.strip(TRAILING) or not before.text.strip(OPENERS):
        return BESIDE_MARK
    mark = before.text.rstrip(CLOSERS)[-1:]
    if mark in SENTENCE_ENDS:
        return AFTER_SENTENCE
    if not mark or mark in PHRASE_ENDS or after.start_ms - before.end_ms >= PAUSE_MS:
        return AFTER_PHRASE
    if after.gap and columns(before.text) <= SHORT_COLUMNS:
        return AFTER_SHORT_WORD
    return ANYWHERE


def widow_cost(atoms: Sequence[Atom], i: int, j: int) -> float:
    """Cost of a part `[i, j)` with a single short word although there are more."""
    return WIDOW if j - i == 1 < len(atoms) and columns(atoms[i].text) <= WIDOW_COLUMNS else 0.0


def fewest(count: int, reach: Callable[[int], int]) -> int:
    """The least number of parts of a row; arguments as for `partition`."""
    parts = at = 0
    while at < count:
        at = reach(at)
        parts += 1
    return parts


def partition(count: int, reach: Callable[[int], int], cost: Callable[[int, int], float]) -> list[tuple[int, int]]:
    """The cheapest way to cut a row into parts.

    Args:
        count: items in the row, at least 1.
        reach: where the longest part that begins at an item ends; beyond the item itself.
        cost: of a part `[i, j)`.

    Returns:
        The parts `(i, j)`, in order.
    """
    best = [0.0] + [math.inf] * count
    came_from = [0] * (count + 1)
    for i in range(count):
        for j in range(i + 1, reach(i) + 1):
            total = best[i] + cost(i, j)
            if total < best[j]:
                best[j], came_from[j] = total, i
    parts = []
    end = count
    while end:
        parts.append((came_from[end], end))
        end = came_from[end]
    return parts[::-1]
