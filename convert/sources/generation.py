"""The decoding defaults in a checkpoint's files: suppressed tokens, language, task, lengths."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ovw.artifact.vocabulary import added_ids
from ovw.choices import TASKS
from ovw.control_tokens import NO_TIMESTAMPS, code_of, control_ids, token_of
from ovw.errors import UsageError, quoted
from ovw.models import Dims, find_language, languages

logger = logging.getLogger(__name__)

MOST_PENALTY = 1e6
"""Logits are divided by it: far below that, no token is ever repeated."""
FROM_MODEL_CONFIG = ("suppress_tokens", "begin_suppress_tokens", "forced_decoder_ids")
"""Keys that transformers reads from `config.json` where a folder has no `generation_config.json`."""
CTRANSLATE2 = {"suppress_tokens": "suppress_ids", "begin_suppress_tokens": "suppress_ids_begin"}


@dataclass(frozen=True)
class GenerationDefaults:
    """Decoding defaults of a checkpoint; `None` where it has none, so that OpenAI's apply.

    Attributes:
        suppress_tokens: token ids never to be sampled.
        begin_suppress_tokens: token ids that may not come first.
        language: code.
        task: `transcribe` or `translate`.
        max_length: tokens of a window, the start token among them.
        max_initial_timestamp_index: the latest first timestamp, in timestamp tokens.
        repetition_penalty, no_repeat_ngram_size: as in transformers.
    """

    suppress_tokens: list[int] | None = None
    begin_suppress_tokens: list[int] | None = None
    language: str | None = None
    task: str | None = None
    max_length: int | None = None
    max_initial_timestamp_index: int | None = None
    repetition_penalty: float | None = None
    no_repeat_ngram_size: int | None = None

    def as_config(self, *, steered: bool) -> dict[str, Any]:
        """The known entries of `generation_config.json`; language and task of `steered` models only."""
        known = {key: value for key, value in asdict(self).items() if value is not None}
        if self.language:
            known["language"] = token_of(self.language)  # the form that openvino-genai takes too
        return {key: value for key, value in known.items() if steered or key not in ("language", "task")}


def from_huggingface(
    generation: Mapping[str, Any], model: Mapping[str, Any], tokenizer: Mapping[str, Any] | None, dims: Dims
) -> GenerationDefaults:
    """The decoding defaults of a Hugging Face folder.

    Args:
        generation: `generation_config.json`, empty if there is none.
        model: `config.json`, where older fine-tunes keep some of them.
        tokenizer: `tokenizer.json`, which names the tokens of `forced_decoder_ids`.
        dims: of the model.

    Raises:
        ValueError: a value that decoding cannot use.
    """
    stored = dict(generation) or {key: model[key] for key in FROM_MODEL_CONFIG if key in model}
    forced = _forced(stored.get("forced_decoder_ids"), tokenizer, dims)
    language, task = stored.get("language"), stored.get("task")
    if language is None and task is None:
        language, task = forced
    _check_no_timestamps(stored.get("no_timestamps_token_id"), tokenizer)
    return GenerationDefaults(
        suppress_tokens=_tokens(stored, "suppress_tokens", dims),
        begin_suppress_tokens=_tokens(stored, "begin_suppress_tokens", dims),
        language=_language(language),
        task=_task(task),
        max_length=_max_length(stored, dims),
        max_initial_timestamp_index=_whole(stored, "max_initial_timestamp_index", 0, dims.n_audio_ctx),
        repetition_penalty=_penalty(stored.get("repetition_penalty")),
        no_repeat_ngram_size=_whole(stored, "no_repeat_ngram_size", 0, dims.n_text_ctx),
    )


def from_ctranslate2(config: Mapping[str, Any], dims: Dims) -> GenerationDefaults:
    """The suppressed tokens of a CTranslate2 `config.json`.

    Raises:
        ValueError: something else than token ids.
    """
    stored = {ours: config[theirs] for ours, theirs in CTRANSLATE2.items() if config.get(theirs) is not None}
    everywhere, first = (_tokens(stored, key, dims) for key in CTRANSLATE2)
    return GenerationDefaults(suppress_tokens=everywhere, begin_suppress_tokens=first)


def _tokens(stored: Mapping[str, Any], key: str, dims: Dims) -> list[int] | None:
    """Token ids; null means none, as in transformers, a missing key that the checkpoint has no list of its own."""
    if key not in stored:
        return None
    tokens = stored[key] or []
    if isinstance(tokens, list) and -1 in tokens:  # openai-whisper's own word for its list
        return None
    if not isinstance(tokens, list) or not all(type(t) is int and 0 <= t < dims.n_vocab for t in tokens):
        raise ValueError(f"{key} is not a list of token ids below {dims.n_vocab}: {quoted(tokens)}")
    return tokens


def _whole(stored: Mapping[str, Any], key: str, low: int, high: int) -> int | None:
    """A whole number; one out of range is reported and OpenAI's default used."""
    value = stored.get(key)
    if value is None or (type(value) is int and low <= value <= high):
        return value
    logger.warning("generation_config.json: %s is %s, allowed are %d to %d; not used", key, quoted(value), low, high)
    return None


def _penalty(value: Any) -> float | None:
    if value is None or (type(value) in (int, float) and 0 < value < MOST_PENALTY):
        return value and float(value)
    logger.warning(
        "generation_config.json: repetition_penalty is %s, a number above 0 is allowed; not used", quoted(value)
    )
    return None


def _max_length(stored: Mapping[str, Any], dims: Dims) -> int | None:
    """`max_new_tokens`, which transformers prefers, counts without the start token."""
    new = _whole(stored, "max_new_tokens", 1, dims.n_text_ctx - 1)
    return _whole(stored, "max_length", 2, dims.n_text_ctx) if new is None else new + 1


def _language(value: Any) -> str | None:
    if value is None:
        return None
    try:
        return find_language(code_of(str(value)))
    except UsageError:
        logger.warning("generation_config.json: language is %s, which Whisper does not have; not used", quoted(value))
        return None


def _task(value: Any) -> str | None:
    if value is None or value in TASKS:
        return None if value is None else str(value)
    logger.warning("generation_config.json: task is %s, allowed are %s; not used", quoted(value), " and ".join(TASKS))
    return None


def _forced(pairs: Any, tokenizer: Mapping[str, Any] | None, dims: Dims) -> tuple[str | None, str | None]:
    """Language and task of `forced_decoder_ids`, pairs of position and token id; a null token is to be detected."""
    forced = [pair[1] for pair in pairs or () if isinstance(pair, list) and len(pair) == 2]
    spelled = _control_names(tokenizer, dims)
    found = [code_of(spelled.get(token, "")) for token in forced]
    language = next((name for name in found if name in languages()), None)
    return language, next((name for name in found if name in TASKS), None)


def _control_names(tokenizer: Mapping[str, Any] | None, dims: Dims) -> dict[int, str]:
    """Token id -> control token, of the checkpoint's tokenizer or of OpenAI's vocabulary of that size."""
    ids = added_ids(tokenizer or {}) or control_ids(dims)
    return {token: name for name, token in ids.items()}


def _check_no_timestamps(token: Any, tokenizer: Mapping[str, Any] | None) -> None:
    """Warn of an id that the vocabulary contradicts: timestamps are counted from it, so the vocabulary decides."""
    known = added_ids(tokenizer or {}).get(NO_TIMESTAMPS, token)
    if token not in (None, known):
        logger.warning(
            "generation_config.json: no_timestamps_token_id is %s, the tokenizer has %s, which is used",
            quoted(token),
            quoted(known),
        )
