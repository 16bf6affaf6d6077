"""Search strategies: how the next tokens are chosen and which hypothesis wins.

A search owns the rows of one window. The loop hands it filtered logits; it answers with the next token of each row and
the row that each continues, which the decoder session takes as `beam_idx`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ovw.transcribe.decoding.numeric import largest

Logits = NDArray[np.float32]


@dataclass(frozen=True)
class DecodedSequence:
    """A finished row: its tokens without the end-of-text token, and the sum of their log probabilities."""

    tokens: list[int]
    sum_logprob: float

    @property
    def avg_logprob(self) -> float:
        return self.sum_logprob / (len(self.tokens) + 1)


class Search(Protocol):
    """Grows the hypotheses of one window."""

    rows: int
    sampled: list[list[int]]
    sources: list[int]
    done: bool

    def advance(self, logits: Logits, log_norms: Logits) -> None:
        """Grow `sampled`, set `sources` and `done`.

        Args:
            logits: filtered, [rows, n_vocab].
            log_norms: log-sum-exp of each row of them, [rows].
        """

    def hypotheses(self) -> list[DecodedSequence]:
        """The sequences found, finished or not."""


class Sampling:
    """Independent rows: greedy at temperature 0, else drawn from the tempered distribution."""

    def __init__(self, rows: int, eot: int, temperature: float, rng: np.random.Generator) -> None:
        self.rows = rows
        self.sampled: list[list[int]] = [[] for _ in range(rows)]
        self.sources = list(range(rows))
        self.done = False
        self._eot = eot
        self._temperature = temperature
        self._rng = rng
        self._sums = [0.0] * rows

    def advance(self, logits: Logits, log_norms: Logits) -> None:
        chosen = logits.argmax(axis=-1) if self._temperature == 0 else self._draw(logits)
        for row, (tokens, token) in enumerate(zip(self.sampled, chosen.tolist(), strict=True)):
            if self._ended(tokens):
                tokens.append(self._eot)
            else:
                tokens.append(token)
                self._sums[row] += float(logits[row, token] - log_norms[row])
        self.done = all(map(self._ended, self.sampled))

    def _ended(self, tokens: list[int]) -> bool:
        return bool(tokens) and tokens[-1] == self._eot

    def _draw(self, logits: Logits) -> NDArray[np.intp]:
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
        self.sampled: list[list[int]] = [[] for _ in range(beam_size)]
        self.sources = list(range(beam_size))
        self.done = False
        self._eot = eot
        self._wanted = max(1, round(beam_size * patience))
        self._sums = np.zeros(beam_size, np.float32)
        self._finished: dict[tuple[int, ...], float] = {}

    def advance(self, logits: Logits, log_norms: Logits) -> None:
        scores, sources = self._candidates(logits, log_norms)
        kept, ended = self._rank(scores)
        self.sources = [sources[sequence] for sequence in kept]
        self.sampled = [list(sequence) for sequence in kept]
        self._sums = np.array([scores[sequence] for sequence in kept], np.float32)
        for sequence in ended:
            if len(self._finished) >= self._wanted:
                break
            self._finished[sequence] = float(scores[sequence])
        self.done = len(self._finished) >= self._wanted

    def _candidates(
        self, logits: Logits, log_norms: Logits
    ) -> tuple[dict[tuple[int, ...], np.float32], dict[tuple[int, ...], int]]:
        """The beam + 1 best continuations of every row; equal sequences (all rows start alike) count once."""
        scores: dict[tuple[int, ...], np.float32] = {}
        sources: dict[tuple[int, ...], int] = {}
        for source, prefix in enumerate(self.sampled):
            for token in largest(logits[source], self.rows + 1):
                sequence = (*prefix, int(token))
                scores[sequence] = self._sums[source] + (logits[source, token] - log_norms[source])
                sources[sequence] = source
        return scores, sources

    def _rank(self, scores: dict[tuple[int, ...], np.float32]) -> tuple[list[tuple[int, ...]], list[tuple[int, ...]]]:
        """The best unfinished sequences, one a beam, and the finished ones that rank among them."""
        kept: list[tuple[int, ...]] = []
        ended: list[tuple[int, ...]] = []
        for sequence in sorted(scores, key=lambda s: scores[s], reverse=True):
            if sequence[-1] == self._eot:
                ended.append(sequence)
            else:
                kept.append(sequence)
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
