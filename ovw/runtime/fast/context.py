"""Merged padding: the sound of a window is computed in full, the silence behind it in a few weighted positions.

Whisper always encodes 30 seconds. Behind a short clip they are silence, two thirds of the work; but a model that is not
given them at all loses its place and repeats itself. All silent positions differ by their positional embedding alone,
so each group of neighbours is computed as its middle one, and every attention adds the logarithm of the group's size to
that one's score: in the softmax it then weighs as much as the group. (Bolya et al., 2023, "Token Merging", call this
proportional attention.)
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ovw.models import FRAMES_PER_POSITION

EDGE = 2
"""Positions at the end of a shortened mel that feel its edge: the reach of the two convolutions."""
MARGIN = 25
"""Silent positions behind the sound that are computed each, 0.5 s. The encoder keeps what it has found out about speech
in the silence right behind it, so these are not alike; grouped, words are lost (from 0.41 s down, in every bucket)."""
SMALLEST_GROUP, LARGEST_GROUP = 8, 64
"""Silent positions that are merged into one: 0.16 s next to the sound, up to 1.28 s further off."""
GROUPS_OF_A_SIZE = 4


@dataclass(frozen=True)
class AudioContext:
    """The positions of a window that are computed.

    Attributes:
        computed: positions from the first on that are computed each.
        total: positions of the whole window.
    """

    computed: int
    total: int

    @property
    def full_context(self) -> bool:
        """Whether nothing is left out."""
        return self.computed >= self.total

    @property
    def frames(self) -> int:
        """Mel frames the encoder takes."""
        return FRAMES_PER_POSITION * (self.total if self.full_context else self.computed + EDGE)

    @property
    def room(self) -> int:
        """Mel frames that may hold sound, a margin of silence behind them."""
        return FRAMES_PER_POSITION * (self.total if self.full_context else self.computed - MARGIN)

    @cached_property
    def _groups(self) -> list[tuple[int, int]]:
        """First position and size of each group of silent positions: small ones next to the sound, then larger ones."""
        found: list[tuple[int, int]] = []
        start = self.computed
        while start < self.total:
            size = min(SMALLEST_GROUP * 2 ** (len(found) // GROUPS_OF_A_SIZE), LARGEST_GROUP, self.total - start)
            found.append((start, size))
            start += size
        return found

    @cached_property
    def sources(self) -> NDArray[np.int64]:
        """Which convolved position each computed one takes its sound from, [n]; the first silent one serves all."""
        return np.array([*range(self.computed), *(self.computed for _ in self._groups)], np.int64)

    @cached_property
    def places(self) -> NDArray[np.int64]:
        """Where in the window each computed position stands, [n]."""
        middles = (start + size // 2 for start, size in self._groups)
        return np.array([*range(self.computed), *middles], np.int64)

    @cached_property
    def bias(self) -> NDArray[np.float32]:
        """Added to the attention score of each computed position, [n]."""
        sizes = [*(1 for _ in range(self.computed)), *(size for _, size in self._groups)]
        return np.log(np.array(sizes, np.float32))


def contexts(total: int, step: int) -> list[AudioContext]:
    """The contexts there are, shortest first; the last is the whole window.

    Args:
        total: positions of the window.
        step: positions that the sound in neighbouring contexts differs by.
    """
    shortened = [AudioContext(computed, total) for computed in range(step, total - step + 1, step)]
    return [*shortened, AudioContext(total, total)]
