"""Search strategies: how the next tokens are chosen and which hypothesis wins.

A search owns the rows of one window. The loop hands it filtered logits; it answers with the next token of each row and
the row that each continues, which the decoder session takes as `beam_idx`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Logits = NDArray[np.float32]
Tokens = NDArray[np.intp]


@dataclass(frozen=True)
class DecodedSequence:
    """A finished row: its tokens without the end-of-text token, and the sum of their log probabilities."""

    tokens: list[int]
    sum_logprob: float

    @property
    def avg_logprob(self) -> float:
        """Mean log probability of its tokens and the end of text."""
        return self.sum_logprob / (len(self.tokens) + 1)


class Search(Protocol):
    """Grows the hypotheses of one window."""

    rows: int
    choices: int
    """Tokens of a row that it chooses from, the likeliest ones; 0 for all."""
    sampled: list[list[int]]
    sources: list[int]
    done: bool

    def advance(self, logits: Logits, log_norms: Logits, best: Tokens) -> None:
        """Grow `sampled`, set `sources` and `done`.

        Args:
            logits: filtered, [rows, n_vocab].
            log_norms: log-sum-exp of each row of them, [rows].
            best: the likeliest tokens of each row, [rows, choices].
        """

    def hypotheses(self) -> list[DecodedSequence]:
        """The sequences found, finished or not."""


class Sampling:
    """Independent rows: greedy at temperature 0, else drawn from the tempered distribution."""

    def __init__(self, rows: int, eot: int, temperature: float, rng: np.random.Generator) -> None:
        self.rows = rows
        self.choices = 1 if temperature == 0 else 0
        self.sampled: list[list[int]] = [[] for _ in range(rows)]
        self.sources = list(range(rows))
        self.done = False
        self._eot = eot
        self._temperature = temperature
        self._rng = rng
        self._sums = [0.0] * rows

    def advance(self, logits: Logits, log_norms: Logits, best: Tokens) -> None:
        chosen = best[:, 0] if self._temperature == 0 else self._draw(logits)
        for row, (tokens, token) in enumerate(zip(self.sampled, chosen.tolist(), strict=True)):
            if self._ended(tokens):
                tokens.append(self._eot)
            else:
                tokens.append(token)
                self._sums[row] += float(logits[row, token] - log_norms[row])
        self.done = all(map(self._ended, self.sampled))

    def _ended(self, tokens: list[int]) -> bool:
        return bool(tokens) and tokens[-1] == self._eot

    def _draw(self, logits: Logits) -> Tokens:
        # the largest of Gumbel-perturbed logits is a draw from their softmax (Gumbel-max trick)
        noise = self._rng.gumbel(size=logits.shape)
        return np.asarray((logits / self._temperature + noise).argmax(axis=-1))

    def hypotheses(self) -> list[DecodedSequence]:
        return [
            DecodedSequence(row[: row.index(self._eot)] if self._eot in row else row, total)
            for row, total in zip(self.sampled, self._sums, strict=True)
        ]


class BeamSearch:
    """Beam search with patience (Kasai et al., 2022, "Beam Decoding with Controlled Patience")."""

    def __init__(self, beam_size: int, eot: int, patience: float) -> None:
        self.rows = beam_size
        self.choices = beam_size + 1  # one of them may be the end
        self.sampled: list[list[int]] = [[] for _ in range(beam_size)]
        self.sources = list(range(beam_size))
        self.done = False
        self._eot = eot
        self._wanted = max(1, round(beam_size * patience))
        self._sums = np.zeros(beam_size, np.float32)
        self._finished: dict[tuple[int, ...], float] = {}

    def advance(self, logits: Logits, log_norms: Logits, best: Tokens) -> None:
        scores = self._sums[:, None] + (np.take_along_axis(logits, best, axis=1) - log_norms[:, None])
        if not self.sampled[0]:
            scores[:-1] = -np.inf  # all rows begin alike: one counts
        kept, ended = self._rank(best, scores)
        for source, score in ended:
            if len(self._finished) < self._wanted:
                self._finished[(*self.sampled[source], self._eot)] = score
        self.sources = [source for source, _, _ in kept]
        self.sampled = [[*self.sampled[source], token] for source, token, _ in kept]
        self._sums = np.array([score for *_, score in kept], np.float32)
        self.done = len(self._finished) >= self._wanted

    def _rank(self, tokens: Tokens, scores: Logits) -> tuple[list[tuple[int, int, float]], list[tuple[int, float]]]:
        """The best continuations that go on, one a beam, and the ends that rank among them.

        Args:
            tokens: candidates of each row, [rows, n].
            scores: of the sequences that end with them, [rows, n].

        Returns:
            (row, token, score) of those that go on; (row, score) of the ends.
        """
        kept: list[tuple[int, int, float]] = []
        ended: list[tuple[int, float]] = []
        for place in np.argsort(-scores, axis=None, kind="stable").tolist():
            source, rank = divmod(place, tokens.shape[1])
            token, score = int(tokens[source, rank]), float(scores[source, rank])
            if token == self._eot:
                ended.append((source, score))
                continue
            kept.append((source, token, score))
            if len(kept) == self.rows:
                break
        return kept, ended

    def hypotheses(self) -> list[DecodedSequence]:
        found = dict(self._finished)
        for row in np.argsort(self._sums)[::-1]:
            if len(found) >= self.rows:
                break
            found[(*self.sampled[row], self._eot)] = float(self._sums[row])
        return [DecodedSequence(list(sequence[:-1]), total) for sequence, total in found.items()]


def best_sequence(hypotheses: list[DecodedSequence], length_penalty: float | None) -> DecodedSequence:
    """The likeliest hypothesis, normalised by length or by Google NMT's penalty (Wu et al., 2016)."""

    def score(hypothesis: DecodedSequence) -> float:
        length = len(hypothesis.tokens)
        penalty = max(length, 1) if length_penalty is None else ((5 + length) / 6) ** length_penalty
        return hypothesis.sum_logprob / penalty

    return max(hypotheses, key=score)
