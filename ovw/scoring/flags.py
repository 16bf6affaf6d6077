"""Signs of a hallucinated hypothesis."""

from __future__ import annotations

from ovw.transcribe.result import compression_ratio

REPEATS_FROM = 2.4
"""Compression ratio above which openai/whisper takes text for a repetition."""
MANY_INSERTIONS = 5


def flags(hypothesis: str, length: int, insertions: int, deletions: int) -> tuple[str, ...]:
    """What is suspicious about a hypothesis.

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
    if compression_ratio(hypothesis) > REPEATS_FROM:
        found.append("repeats")
    if insertions >= max(MANY_INSERTIONS, length / 2):
        found.append("invents")
    if deletions == length >= 3:
        found.append("silent")
    return tuple(found)
