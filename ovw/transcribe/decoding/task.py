"""Decode windows at one temperature."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ovw.runtime.protocols import Audio, Decoder
from ovw.transcribe.decoding.filters import build_filters
from ovw.transcribe.decoding.numeric import RowLogSumExp, largest, logsumexp, softmax
from ovw.transcribe.decoding.search import BeamSearch, Sampling, Search, best_sequence
from ovw.transcribe.options import TranscribeOptions
from ovw.transcribe.prompt import Prompt
from ovw.transcribe.result import compression_ratio
from ovw.transcribe.tokenizer import Tokenizer

NARROW = 0.5
"""When no more than this share of the windows is unfinished, the others leave the batch."""


@dataclass(frozen=True)
class DecodingResult:
    """The decoded tokens of a window and their confidence; fields as in openai/whisper."""

    tokens: list[int]
    avg_logprob: float
    no_speech_prob: float
    compression_ratio: float
    temperature: float


def batches_for(decoder: Decoder, rows: int, windows: int) -> list[slice]:
    """Windows in batches that a decoder takes, of one window at least.

    Args:
        decoder: which may be bounded.
        rows: of each window.
        windows: how many there are.
    """
    most = max(1, windows if decoder.max_rows < 0 else decoder.max_rows // rows)
    return [slice(at, at + most) for at in range(0, windows, most)]


@dataclass(frozen=True)
class DecodingTask:
    """All that stays the same from window to window.

    Args:
        decoder: the session to run.
        tokenizer: of the model.
        options: what was asked for.
        n_text_ctx: the decoder's context.
        row_logsumexp: log-sum-exp of each row of logits.
        lock: of the session, held while windows are decoded.
    """

    decoder: Decoder
    tokenizer: Tokenizer
    options: TranscribeOptions
    n_text_ctx: int
    row_logsumexp: RowLogSumExp = logsumexp
    lock: AbstractContextManager[object] = field(default_factory=nullcontext, repr=False)

    def run(
        self, audio: Sequence[Audio], prompts: Sequence[Prompt], temperature: float, rng: np.random.Generator
    ) -> list[DecodingResult]:
        """Decode encoded windows together, as many at a time as the decoder takes.

        Args:
            audio: W of them.
            prompts: of each window, all of one length.
            temperature: 0 for greedy or beam search, above for sampling.
            rng: source of the draws.

        Returns:
            One result a window.
        """
        batches = batches_for(self.decoder, self._search(temperature, rng).rows, len(audio))
        return [one for own in batches for one in self._together(audio[own], prompts[own], temperature, rng)]

    def _together(
        self, audio: Sequence[Audio], prompts: Sequence[Prompt], temperature: float, rng: np.random.Generator
    ) -> list[DecodingResult]:
        searches = [self._search(temperature, rng) for _ in prompts]
        initial = np.array([prompt.tokens for prompt in prompts])
        with self.lock:
            self.decoder.start(audio)
            logits = self.decoder.step(initial, np.arange(len(audio), dtype=np.int32), [prompts[0].sot, -1])
            no_speech = softmax(logits[:, 0])[:, self.tokenizer.no_speech]
            self._sample(searches, logits[:, -1], self.n_text_ctx - initial.shape[1])
            self.decoder.release()
        return [self._result(*found, temperature) for found in zip(searches, no_speech.tolist(), strict=True)]

    def _sample(self, searches: Sequence[Search], first: NDArray[np.float32], room: int) -> None:
        """Grow all searches, a token at a time, until every one is done or the context is full.

        Args:
            searches: one a window, of equally many rows.
            first: logits after the prompts, [W, n_vocab].
            room: tokens that the context still takes.
        """
        filters = build_filters(self.tokenizer, self.options)
        width = searches[0].rows
        live = list(searches)
        logits = np.repeat(first, width, axis=0)
        cached = np.repeat(np.arange(len(live)), width)  # the decoder's row that each of ours continues
        for length in range(1, self.sample_len + 1):
            sampled = [tokens for search in live for tokens in search.sampled]
            for apply in filters:
                apply(logits, sampled)
            log_norms, best = self.row_logsumexp(logits), largest(logits, searches[0].choices)
            sources = np.arange(len(logits))
            for i, search in enumerate(live):
                own = slice(i * width, (i + 1) * width)
                if not search.done:
                    search.advance(logits[own], log_norms[own], best[own])
                    sources[own] = i * width + np.array(search.sources)
            going = [i for i, search in enumerate(live) if not search.done]
            if length > room or length == self.sample_len or not going:
                break
            rows = cached[sources]
            if len(going) <= len(live) * NARROW and self.decoder.narrow(going):
                rows = rows.reshape(len(live), width)[going].ravel()
                live = [live[i] for i in going]
            newest = np.array([[tokens[-1]] for search in live for tokens in search.sampled])
            logits = self.decoder.step(newest, rows.astype(np.int32), [-1])[:, 0]
            cached = np.arange(len(logits))

    def _result(self, search: Search, no_speech: float, temperature: float) -> DecodingResult:
        best = best_sequence(search.hypotheses(), self.options.length_penalty)
        ratio = compression_ratio(self.tokenizer.decode(best.tokens).strip())
        return DecodingResult(best.tokens, best.avg_logprob, no_speech, ratio, temperature)

    @property
    def sample_len(self) -> int:
        """Tokens to sample in a window at most."""
        return self.options.max_new_tokens or self.n_text_ctx // 2

    def _search(self, temperature: float, rng: np.random.Generator) -> Search:
        options, eot = self.options, self.tokenizer.eot
        if temperature > 0:
            return Sampling(options.best_of, eot, temperature, rng)
        if max(options.beam_size, round(options.beam_size * options.patience)) > 1:
            return BeamSearch(options.beam_size, eot, options.patience)
        return Sampling(1, eot, 0, rng)
