"""Rules on what may be sampled next, applied to logits in place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ovw.transcribe.decoding.numeric import logsumexp
from ovw.transcribe.options import TranscribeOptions
from ovw.transcribe.tokenizer import TIME_PRECISION, Tokenizer

Logits = NDArray[np.float32]
Rows = Sequence[Sequence[int]]


class LogitFilter(Protocol):
    """Forbids tokens by setting their logits to -inf."""

    def __call__(self, logits: Logits, sampled: Rows) -> None:
        """Change `logits` [rows, n_vocab] in place, given what each row has sampled since its prompt."""


class SuppressBlank:
    """Forbids a lone space or an immediate end as the first token."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokens = list(tokenizer.blank)

    def __call__(self, logits: Logits, sampled: Rows) -> None:
        if not sampled[0]:
            logits[:, self._tokens] = -np.inf


class SuppressTokens:
    """Forbids a fixed list of tokens everywhere."""

    def __init__(self, tokens: Sequence[int]) -> None:
        self._tokens = sorted(set(tokens))

    def __call__(self, logits: Logits, sampled: Rows) -> None:
        logits[:, self._tokens] = -np.inf


class RepetitionPenalty:
    """Makes text tokens that a row has sampled before less likely (Keskar et al., 2019, "CTRL")."""

    def __init__(self, penalty: float, eot: int) -> None:
        self._penalty = np.float32(penalty)
        self._eot = eot

    def __call__(self, logits: Logits, sampled: Rows) -> None:
        for row, tokens in zip(logits, sampled, strict=True):
            used = sorted({token for token in tokens if token < self._eot})
            values = row[used]
            row[used] = np.where(values < 0, values * self._penalty, values / self._penalty)


class NoRepeatNgram:
    """Forbids the text token that would complete a run of `size` text tokens for the second time."""

    def __init__(self, size: int, eot: int) -> None:
        self._size = size
        self._eot = eot

    def __call__(self, logits: Logits, sampled: Rows) -> None:
        for row, tokens in zip(logits, sampled, strict=True):
            text = [token for token in tokens if token < self._eot]
            lead = len(text) - self._size + 1
            tail = text[max(lead, 0) :]
            row[[text[i + self._size - 1] for i in range(lead) if text[i : i + self._size - 1] == tail]] = -np.inf


class TimestampRules:
    """Timestamps come in pairs, never go back, open every window, and win when they are jointly likelier than text."""

    def __init__(self, tokenizer: Tokenizer, max_initial: float | None) -> None:
        self._begin = tokenizer.timestamp_begin
        self._end = tokenizer.timestamp_end
        self._eot = tokenizer.eot
        self._no_timestamps = tokenizer.no_timestamps
        self._max_initial = round(max_initial / TIME_PRECISION) if max_initial else None

    def __call__(self, logits: Logits, sampled: Rows) -> None:
        logits[:, self._no_timestamps] = -np.inf
        for row, tokens in zip(logits, sampled, strict=True):
            self._keep_pairs(row, tokens)
            self._keep_order(row, tokens)
            if not tokens:
                self._open_window(row)
        self._prefer_timestamps(logits)

    def _is_time(self, token: int) -> bool:
        return self._begin <= token < self._end

    def _keep_pairs(self, row: Logits, tokens: Sequence[int]) -> None:
        if tokens and self._is_time(tokens[-1]):
            if len(tokens) < 2 or self._is_time(tokens[-2]):
                row[self._begin : self._end] = -np.inf  # a pair is complete: text must follow
            else:
                row[: self._eot] = row[self._end :] = -np.inf  # a segment has ended: its twin or the end must follow

    def _keep_order(self, row: Logits, tokens: Sequence[int]) -> None:
        last = next((t for t in reversed(tokens) if self._is_time(t)), None)
        if last is None:
            return
        segment_open = not (self._is_time(tokens[-1]) and len(tokens) > 1 and not self._is_time(tokens[-2]))
        # an open segment must not end where it began, or decoding could go round in circles
        row[self._begin : last + int(segment_open)] = -np.inf

    def _open_window(self, row: Logits) -> None:
        self._forbid_text(row)
        if self._max_initial is not None:
            row[self._begin + self._max_initial + 1 :] = -np.inf

    def _prefer_timestamps(self, logits: Logits) -> None:
        text = np.maximum(logits[:, : self._begin].max(1), logits[:, self._end :].max(1, initial=-np.inf))
        for row in np.flatnonzero(logsumexp(logits[:, self._begin : self._end]) > text):
            self._forbid_text(logits[row])

    def _forbid_text(self, row: Logits) -> None:
        row[: self._begin] = row[self._end :] = -np.inf


def build_filters(tokenizer: Tokenizer, options: TranscribeOptions) -> list[LogitFilter]:
    """The filters that the options ask for, penalties first, then openai/whisper's in its order."""
    filters: list[LogitFilter] = []
    if options.repetition_penalty != 1:
        filters.append(RepetitionPenalty(options.repetition_penalty, tokenizer.eot))
    if options.no_repeat_ngram_size:
        filters.append(NoRepeatNgram(options.no_repeat_ngram_size, tokenizer.eot))
    if options.suppress_blank:
        filters.append(SuppressBlank(tokenizer))
    if suppressed := suppressed_tokens(tokenizer, options.suppress_tokens):
        filters.append(SuppressTokens(suppressed))
    if not options.without_timestamps:
        filters.append(TimestampRules(tokenizer, options.max_initial_timestamp))
    return filters


def suppressed_tokens(tokenizer: Tokenizer, asked: Sequence[int]) -> list[int]:
    """The asked token ids, -1 standing for the model's own list; none when nothing was asked."""
    if not asked:
        return []
    control = (tokenizer.transcribe, tokenizer.translate, tokenizer.sot, tokenizer.sot_prev, tokenizer.sot_lm)
    own = tokenizer.suppress if -1 in asked else ()
    return [*(t for t in asked if t >= 0), *own, *control, tokenizer.no_speech]
