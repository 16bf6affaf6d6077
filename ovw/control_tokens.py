"""Whisper's control tokens: their spelling, and their order in OpenAI's vocabularies."""

from __future__ import annotations

from ovw.models import Dims, languages

END = "<|endoftext|>"
START = "<|startoftranscript|>"
TRANSLATE = "<|translate|>"
TRANSCRIBE = "<|transcribe|>"
START_OF_LM = "<|startoflm|>"
START_OF_PREV = "<|startofprev|>"
NO_SPEECH = "<|nospeech|>"
NO_TIMESTAMPS = "<|notimestamps|>"
CONTROL_TOKENS = (TRANSLATE, TRANSCRIBE, START_OF_LM, START_OF_PREV, NO_SPEECH)
"""Between the languages and `NO_TIMESTAMPS`."""
TIMESTAMPS = 1501
"""Timestamp tokens, behind `NO_TIMESTAMPS`: 0.00 to 30.00 s. Fine-tuned models may have words of their own behind."""
SPELLINGS = {NO_SPEECH: (NO_SPEECH, "<|nocaptions|>")}
ENGLISH_END = 50256
"""Id of `END` in GPT-2's vocabulary, which English-only models have; others have it at 50257."""


def spellings_of(token: str) -> tuple[str, ...]:
    """The names that vocabularies give a control token."""
    return SPELLINGS.get(token, (token,))


def token_of(code: str) -> str:
    """The token of a language or a task."""
    return f"<|{code}|>"


def code_of(token: str) -> str:
    """The language or task that a token stands for; a code itself stays as it is."""
    return token.removeprefix("<|").removesuffix("|>")


def control_ids(dims: Dims) -> dict[str, int]:
    """Control token -> its id in OpenAI's vocabulary of that size, in order, without the timestamps."""
    language_tokens = (token_of(code) for code in list(languages())[: dims.n_languages])
    ordered = (END, START, *language_tokens, *CONTROL_TOKENS, NO_TIMESTAMPS)
    return {token: number for number, token in enumerate(ordered, ENGLISH_END + dims.multilingual)}
