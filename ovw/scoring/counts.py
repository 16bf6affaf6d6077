"""Hits, substitutions, deletions and insertions of every utterance, by jiwer's alignment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby, zip_longest
from typing import Literal, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from ovw.scoring.normalizer import by_characters, normalize

Kind = Literal["equal", "substitute", "delete", "insert"]
KINDS: tuple[Kind, ...] = ("equal", "substitute", "delete", "insert")


@dataclass(frozen=True)
class Pair:
    """A reference and a hypothesis, raw."""

    reference: str
    hypothesis: str
    language: str | None = None


@dataclass(frozen=True)
class Step:
    """A stretch of an alignment: the words of either side, empty where one has none."""

    kind: Kind
    reference: str
    hypothesis: str


Confusion = tuple[Kind, str, str]
"""One error: its kind, the word or character of the reference and that of the hypothesis, empty where there is none."""


class ErrorCounts(NamedTuple):
    """Errors of one utterance."""

    substitutions: int
    deletions: int
    insertions: int


@dataclass(frozen=True)
class Counts:
    """Counts of several utterances, each [n].

    A reference without letters and digits once normalized counts as nothing at all, `scored` is false there.
    `confusions` are the errors of each utterance one by one.
    """

    hits: NDArray[np.int64]
    substitutions: NDArray[np.int64]
    deletions: NDArray[np.int64]
    insertions: NDArray[np.int64]
    scored: NDArray[np.bool_]
    confusions: Sequence[Sequence[Confusion]]

    @property
    def errors(self) -> NDArray[np.int64]:
        return self.substitutions + self.deletions + self.insertions

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Words or characters of the reference."""
        return self.hits + self.substitutions + self.deletions

    def each(self) -> list[ErrorCounts]:
        """The errors of every utterance, n of them."""
        columns = (self.substitutions.tolist(), self.deletions.tolist(), self.insertions.tolist())
        return [ErrorCounts(*errors) for errors in zip(*columns, strict=True)]

    def take(self, which: NDArray[np.bool_]) -> Counts:
        """The utterances of a mask [n]."""
        hits, substitutions, deletions, insertions = (
            part[which] for part in (self.hits, self.substitutions, self.deletions, self.insertions)
        )
        confusions = [errors for errors, ok in zip(self.confusions, which, strict=True) if ok]
        return Counts(hits, substitutions, deletions, insertions, self.scored[which], confusions)

    def rate(self) -> float:
        """Errors over length, in percent; of nothing, zero."""
        return 100 * float(self.errors.sum()) / max(1, int(self.lengths.sum()))


def count(pairs: Sequence[Pair], rules: Callable[[str, str | None], str] = normalize) -> Counts:
    """Align every pair, by words or by characters as its language is written; `rules` normalize text and language."""
    table = np.zeros((len(pairs), len(KINDS)), np.int64)
    confusions: list[list[Confusion]] = [[] for _ in pairs]
    texts = [(_worded(rules(p.reference, p.language)), rules(p.hypothesis, p.language)) for p in pairs]
    for characters in (False, True):
        rows = [i for i, p in enumerate(pairs) if by_characters(p.language) == characters and texts[i][0]]
        for i, steps in zip(rows, _align([texts[i] for i in rows], characters), strict=True):
            for kind, reference, hypothesis in steps:
                table[i, KINDS.index(kind)] += max(len(reference), len(hypothesis))
                if kind != "equal":
                    confusions[i] += [(kind, *sides) for sides in zip_longest(reference, hypothesis, fillvalue="")]
    hits, substitutions, deletions, insertions = table.T
    scored = np.array([bool(reference) for reference, _ in texts], np.bool_)
    return Counts(hits, substitutions, deletions, insertions, scored, confusions)


def align(pair: Pair) -> list[Step]:
    """The alignment of one pair, for people to read: errors that touch are one step."""
    texts = _worded(normalize(pair.reference, pair.language)), normalize(pair.hypothesis, pair.language)
    if not texts[0]:
        return [Step("insert", "", texts[1])] if texts[1] else []
    characters = by_characters(pair.language)
    (steps,) = _align([texts], characters)
    joint = "" if characters else " "
    found = []
    for equal, group in groupby(steps, key=lambda step: step[0] == "equal"):
        run = list(group)
        reference_text = joint.join(word for _, reference, _ in run for word in reference)
        hypothesis_text = joint.join(word for _, _, hypothesis in run for word in hypothesis)
        found.append(
            Step("equal" if equal else _kind(reference_text, hypothesis_text), reference_text, hypothesis_text)
        )
    return found


def _worded(text: str) -> str:
    """A normalized reference; empty if it has marks alone."""
    return text if any(map(str.isalnum, text)) else ""


def shared_words(reference: Sequence[str], hypothesis: Sequence[str]) -> list[tuple[int, int]]:
    """The places of words that stand in both, by the alignment of a word error rate; words hold no spaces."""
    import jiwer

    if not reference or not hypothesis:
        return []
    (chunks,) = jiwer.process_words(" ".join(reference), " ".join(hypothesis)).alignments
    return [
        (chunk.ref_start_idx + i, chunk.hyp_start_idx + i)
        for chunk in chunks
        if chunk.type == "equal"
        for i in range(chunk.ref_end_idx - chunk.ref_start_idx)
    ]


def _kind(reference_text: str, hypothesis_text: str) -> Kind:
    return "substitute" if reference_text and hypothesis_text else "delete" if reference_text else "insert"


def _align(texts: Sequence[tuple[str, str]], characters: bool) -> list[list[tuple[Kind, Sequence[str], Sequence[str]]]]:
    """(kind, reference words, hypothesis words) of every stretch, for every pair of normalized texts."""
    import jiwer

    if not texts:
        return []
    process = jiwer.process_characters if characters else jiwer.process_words
    output = process([reference for reference, _ in texts], [hypothesis for _, hypothesis in texts])
    return [
        [
            (
                cast("Kind", chunk.type),
                reference[chunk.ref_start_idx : chunk.ref_end_idx],
                hypothesis[chunk.hyp_start_idx : chunk.hyp_end_idx],
            )
            for chunk in chunks
        ]
        for reference, hypothesis, chunks in zip(output.references, output.hypotheses, output.alignments, strict=True)
    ]
