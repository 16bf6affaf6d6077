"""Errors of punctuation and case in the words that are right.

Word error rates ignore both. The rate of punctuation errors follows Meister et al., 2023 (LibriSpeech-PC): signs that
are missing, added or another one, over those of the reference, counted behind words that reference and hypothesis
share. Errors of case are counted likewise, over the words with a capital letter.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ovw.scoring.counts import Pair, shared_words
from ovw.scoring.normalizer import by_characters

WORD = re.compile(r"[^\W_]+(?:['’.\-][^\W_]+)*")
PUNCTUATION = {",": ",", ";": ",", ":": ",", "，": ",", "、": ",", ".": ".", "…": ".", "。": ".", "।": "."} | {
    "?": "?", "？": "?", "؟": "?", "!": "!", "！": "!"
}  # fmt: skip
"""Signs that are scored, and what each counts as: readers disagree about `;` and `,`, not about `,` and `?`."""


@dataclass(frozen=True)
class Orthography:
    """Counts over the words that a reference and a hypothesis share.

    Attributes:
        punctuation: signs in the reference.
        punctuation_errors: missing, added or other signs.
        capitals: words of the reference that begin with a capital letter.
        case_errors: words whose first letter has the other case.
    """

    punctuation: int = 0
    punctuation_errors: int = 0
    capitals: int = 0
    case_errors: int = 0

    def __add__(self, other: Orthography) -> Orthography:
        return Orthography(
            self.punctuation + other.punctuation,
            self.punctuation_errors + other.punctuation_errors,
            self.capitals + other.capitals,
            self.case_errors + other.case_errors,
        )


@dataclass(frozen=True)
class WrittenWord:
    """A word as it is written, and the punctuation behind it; empty where there is none."""

    text: str
    punctuation: str

    @property
    def folded(self) -> str:
        """The word without its case."""
        return self.text.casefold().replace("’", "'")


def written_words(text: str) -> list[WrittenWord]:
    """The words of a raw text with the punctuation behind them."""
    found = list(WORD.finditer(text))
    ends = [match.start() for match in found[1:]] + [len(text)] * bool(found)
    return [
        WrittenWord(match.group(), next((PUNCTUATION[c] for c in text[match.end() : end] if c in PUNCTUATION), ""))
        for match, end in zip(found, ends, strict=True)
    ]


def is_written(text: str) -> bool:
    """Whether a reference has punctuation and both cases, as people write."""
    return any(c in PUNCTUATION for c in text) and text not in (text.upper(), text.lower())


def compare_orthography(pair: Pair) -> Orthography:
    """The counts of a pair of raw texts; none where the reference is not written with punctuation and both cases.

    Languages without spaces between words are left out too.
    """
    if by_characters(pair.language) or not is_written(pair.reference):
        return Orthography()
    reference, hypothesis = written_words(pair.reference), written_words(pair.hypothesis)
    shared = shared_words([word.folded for word in reference], [word.folded for word in hypothesis])
    return sum((_compare(reference[i], hypothesis[j]) for i, j in shared), Orthography())


def _compare(reference: WrittenWord, hypothesis: WrittenWord) -> Orthography:
    capital, other = reference.text[0].isupper(), hypothesis.text[0].isupper()
    wrong = reference.punctuation != hypothesis.punctuation
    return Orthography(bool(reference.punctuation), wrong, capital, capital != other)
