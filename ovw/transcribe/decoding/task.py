"""Decode one window at one temperature."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ovw.runtime.sessions import Decoder
from ovw.transcribe.decoding.filters import build_filters
from ovw.transcribe.decoding.numeric import softmax
from ovw.transcribe.decoding.search import BeamSearch, Sampling, Search, best_hypothesis
from ovw.transcribe.options import TranscribeOptions
from ovw.transcribe.tokenizer import Tokenizer


@dataclass(frozen=True)
class DecodingResult:
    """What a window said, and how sure the model was; fields as in openai/whisper."""

    tokens: list[int]
    avg_logprob: float
    no_speech_prob: float
    compression_ratio: float
    temperature: float


@dataclass(frozen=True)
class DecodingTask:
    """All that stays the same from window to window.

    Args:
        decoder: the session to run.
        tokenizer: of the model.
        options: what was asked for.
        control: tokens from start-of-transcript to the task, as `control_tokens` gives.
        n_text_ctx: the decoder's context.
    """

    decoder: Decoder
    tokenizer: Tokenizer
    options: TranscribeOptions
    control: tuple[int, ...]
    n_text_ctx: int

    def run(
        self, hidden: NDArray[np.float32], prompt: list[int], temperature: float, rng: np.random.Generator
    ) -> DecodingResult:
        """Decode encoded audio.

        Args:
            hidden: hidden states of one window, [1, S, state].
            prompt: text tokens that went before.
            temperature: 0 for greedy or beam search, above for sampling.
            rng: source of the draws.
        """
        search = self._search(temperature, rng)
        initial = self.initial_tokens(prompt)
        filters = build_filters(self.tokenizer, self.options)
        self.decoder.start(hidden)
        logits = self.decoder.step(np.array([initial]), np.zeros(1, np.int32))
        no_speech = float(softmax(logits[0, initial.index(self.tokenizer.sot)])[self.tokenizer.no_speech])
        rows = np.repeat(logits[:, -1], search.rows, axis=0)
        came_from = np.zeros(search.rows, np.int32)  # every row continues the one prompt
        for _ in range(self.sample_len):
            for apply in filters:
                apply(rows, search.sampled)
            search.advance(rows)
            if search.done or len(initial) + len(search.sampled[0]) > self.n_text_ctx:
                break
            beam_idx = came_from[search.sources]
            came_from = np.arange(search.rows, dtype=np.int32)
            newest = np.array([[tokens[-1]] for tokens in search.sampled])
            rows = self.decoder.step(newest, beam_idx)[:, -1].copy()
        best = best_hypothesis(search.hypotheses(), self.options.length_penalty)
        ratio = compression_ratio(self.tokenizer.decode(best.tokens).strip())
        return DecodingResult(best.tokens, best.avg_logprob, no_speech, ratio, temperature)

    @property
    def sample_len(self) -> int:
        return self.options.max_new_tokens or self.n_text_ctx // 2

    def initial_tokens(self, prompt: list[int]) -> list[int]:
        """Previous text, cut to its last half context, then the control tokens."""
        room = self.n_text_ctx // 2 - 1
        return [*([self.tokenizer.sot_prev, *prompt[-room:]] if prompt else []), *self.control]

    def _search(self, temperature: float, rng: np.random.Generator) -> Search:
        options, eot = self.options, self.tokenizer.eot
        if temperature > 0:
            return Sampling(options.best_of, eot, temperature, rng)
        if options.beam_size > 1:
            return BeamSearch(options.beam_size, eot, options.patience)
        return Sampling(1, eot, 0, rng)


def control_tokens(
    tokenizer: Tokenizer, language: str | None, task: str, *, without_timestamps: bool
) -> tuple[int, ...]:
    """The tokens that steer decoding: start, language and task (multilingual models), timestamps or not.

    Args:
        tokenizer: of the model.
        language: code; `None` for an English-only model, which has neither language nor task.
        task: `transcribe` or `translate`.
        without_timestamps: ask for text only.
    """
    tokens = [tokenizer.sot]
    if language is not None:
        tokens += [tokenizer.language_tokens[language], getattr(tokenizer, task)]
    if without_timestamps:
        tokens.append(tokenizer.no_timestamps)
    return tuple(tokens)


def compression_ratio(text: str) -> float:
    """Bytes of the text over bytes of its zlib form: repetition compresses well. 0 for no text."""
    raw = text.encode("utf-8")
    return len(raw) / len(zlib.compress(raw)) if raw else 0.0
