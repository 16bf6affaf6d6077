"""Signs of a hallucinated hypothesis."""

from __future__ import annotations

from ovw.transcribe.fallback import COMPRESSION_RATIO
from ovw.transcribe.result import compression_ratio

MANY_INSERTIONS = 5


def flags(hypothesis: str, length: int, insertions: int, deletions: int) -> tuple[str, ...]:
    """Suspicious signs of a hypothesis.

    Args:
        hypothesis: raw.
        length: words of the reference.
        insertions: of the alignment.
        deletions: of the alignment.

    Returns:
        `repeats` (compresses too well), `invents` (at least five inserted words, and half as many as the
        reference has), `silent` (an empty hypothesis for a reference of at least three words).
    """
    found = []
    if compression_ratio(hypothesis) > COMPRESSION_RATIO:
        found.append("repeats")
    if insertions >= max(MANY_INSERTIONS, length / 2):
        found.append("invents")
    if deletions == length >= 3:
        found.append("silent")
    return tuple(found)
