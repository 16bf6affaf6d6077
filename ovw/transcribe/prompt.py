"""The decoder's prompt: hotwords and earlier text, control tokens, a prefix."""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass

from ovw.transcribe.options import TranscribeOptions
from ovw.transcribe.tokenizer import Tokenizer


@dataclass(frozen=True)
class Prompt:
    """The tokens a window starts with.

    Attributes:
        tokens: all of them.
        sot: position of the start-of-transcript token, where no-speech is read.
    """

    tokens: tuple[int, ...]
    sot: int


def control_tokens(
    tokenizer: Tokenizer, language: str | None, task: str, *, without_timestamps: bool = False
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


class PromptBuilder:
    """Builds each window's prompt from the options and the text so far.

    Args:
        tokenizer: of the model.
        options: what was asked for.
        n_text_ctx: the decoder's context, of which prompts take at most half.
    """

    def __init__(self, tokenizer: Tokenizer, options: TranscribeOptions, n_text_ctx: int) -> None:
        self._tokenizer = tokenizer
        self._options = options
        self._room = n_text_ctx // 2 - 1
        self._initial = self._encode(options.initial_prompt)
        self._hotwords = self._encode(options.hotwords)[: self._room]
        self._prefix = self._encode(options.prefix)[: self._room]
        self._longest = n_text_ctx - n_text_ctx // 4  # what is left of the context is for the text
        self._text = list(self._initial)
        self._reset_since = 0

    def build(self, language: str | None, *, first: bool = True) -> Prompt:
        """The prompt of the next window; the prefix stands in the `first` only."""
        options = self._options
        control = control_tokens(self._tokenizer, language, options.task, without_timestamps=options.without_timestamps)
        asked = [*control, *(self._prefix if first else ())]
        earlier = self._earlier()[-(self._longest - len(asked) - 1) :]
        head = [self._tokenizer.sot_prev, *earlier] if earlier else []
        return Prompt((*head, *asked), len(head))

    def extend(self, pieces: Iterable[list[int]], temperature: float) -> None:
        """Remember the tokens of a window that was sampled at this temperature."""
        for tokens in pieces:
            self._text += tokens
        limit = self._options.prompt_reset_on_temperature
        if self._options.condition_on_previous_text is False or temperature > limit:
            self._reset_since = len(self._text)

    def after(self, pieces: Iterable[list[int]], temperature: float) -> PromptBuilder:
        """Another builder, which remembers a window on top of what this one does."""
        other = copy(self)
        other._text = list(self._text)
        other.extend(pieces, temperature)
        return other

    def _earlier(self) -> list[int]:
        """Hotwords, the initial prompt if it is carried along, and as much of the latest text as still fits."""
        room = self._room - len(self._hotwords)
        if not self._options.carry_initial_prompt:
            return [*self._hotwords, *last(self._text[self._reset_since :], room)]
        since = max(len(self._initial), self._reset_since)
        # the slice of openai/whisper: text goes before the head of an initial prompt that is longer than the room
        latest = self._text[since:][len(self._initial) - room :]
        return [*self._hotwords, *last([*self._initial, *latest], room)]

    def _encode(self, text: str | None) -> list[int]:
        return self._tokenizer.encode(" " + text.strip()) if text else []


def last(tokens: list[int], count: int) -> list[int]:
    """The last so many of the tokens; none at 0."""
    return tokens[len(tokens) - min(count, len(tokens)) :]
