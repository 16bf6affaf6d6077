"""One clip's errors, aligned for people to read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ovw.scoring.counts import ErrorCounts, Pair, Step, align, count
from ovw.scoring.flags import flags
from ovw.scoring.hypothesis import Hypothesis


@dataclass(frozen=True)
class ScoredUtterance:
    """A clip with its alignment.

    Attributes:
        hypothesis: of the clip.
        counts: of its errors, each for itself; in `steps` those that touch are one.
        length: words or characters of the reference.
        flags: suspicious signs.
        steps: the alignment.
        compared: alignment of the reference system on the same clip.
    """

    hypothesis: Hypothesis
    counts: ErrorCounts
    length: int
    flags: tuple[str, ...]
    steps: list[Step]
    compared: list[Step] | None = None

    @property
    def errors(self) -> int:
        """Substitutions, deletions and insertions together."""
        return sum(self.counts)


def align_utterance(
    hypothesis: Hypothesis, counts: ErrorCounts, length: int, flags: tuple[str, ...], other: Hypothesis | None = None
) -> ScoredUtterance:
    """A counted clip with its alignment.

    Args:
        hypothesis: of the clip.
        counts: of its errors.
        length: of its reference.
        flags: suspicious signs.
        other: the reference system's hypothesis of the same clip.
    """
    steps = align(Pair(hypothesis.reference, hypothesis.hypothesis, hypothesis.language))
    compared = align(Pair(hypothesis.reference, other.hypothesis, hypothesis.language)) if other else None
    return ScoredUtterance(hypothesis, counts, length, flags, steps, compared)


def worst_first(utterances: Iterable[ScoredUtterance]) -> list[ScoredUtterance]:
    """By errors, the shorter first where they have as many, then by id."""
    return sorted(utterances, key=lambda entry: (-entry.errors, entry.length, entry.hypothesis.id))


def score_utterances(
    hypotheses: Sequence[Hypothesis], others: Mapping[str, Hypothesis] | None = None
) -> list[ScoredUtterance]:
    """Count and align every clip, in the order given.

    Args:
        hypotheses: of the clips.
        others: hypotheses of a reference system, by id.
    """
    counts = count([Pair(h.reference, h.hypothesis, h.language) for h in hypotheses])
    columns = zip(hypotheses, counts.each(), counts.lengths.tolist(), strict=True)
    return [
        align_utterance(h, c, length, flags(h.hypothesis, length, c.insertions, c.deletions), (others or {}).get(h.id))
        for h, c, length in columns
    ]
