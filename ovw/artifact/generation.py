"""`generation_config.json` of an artifact or of another program's export, its values checked."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ovw.artifact import names
from ovw.choices import TASKS
from ovw.control_tokens import TIMESTAMPS
from ovw.errors import OvwError, quoted
from ovw.models import LARGEST_DIMS
from ovw.parsing import load_object

MOST = LARGEST_DIMS["n_vocab"]
SUPPRESSED = ("suppress_tokens", "begin_suppress_tokens")
SHOWN = ("language", "task", "max_length", "max_initial_timestamp_index", "repetition_penalty", "no_repeat_ngram_size")


def read_generation(folder: Path, n_vocab: int = MOST) -> dict[str, Any]:
    """The generation config of a folder; a value that is null is as good as none.

    Args:
        folder: of an artifact.
        n_vocab: tokens there are, where that is known.

    Raises:
        OvwError: it cannot be read, or has a value that decoding cannot use.
    """
    path = folder / names.GENERATION_CONFIG
    hint = f"ovw verify {folder} lists what is wrong"
    config = load_object(path, hint)
    for key, (fits, allowed) in ALLOWED.items():
        value = config.get(key)
        if value is not None and not fits(value):
            raise OvwError(f"{path}: {key} is {quoted(value)}, expected {allowed}", hint)
    for key in SUPPRESSED:
        if beyond := [token for token in config.get(key) or () if token >= n_vocab]:
            raise OvwError(f"{path}: {key} has {beyond[0]}, of a vocabulary of {n_vocab} tokens", hint)
    return config


def describe_decoding(folder: Path) -> str:
    """`88 tokens suppressed, 2 at the start, is_multilingual True, ...`; empty without a generation config."""
    if not (folder / names.GENERATION_CONFIG).is_file():
        return ""
    config = read_generation(folder)
    suppressed, first = (len(config.get(key) or ()) for key in SUPPRESSED)
    values = [f"{key} {config[key]}" for key in (*SHOWN, "is_multilingual", "no_timestamps_token_id") if key in config]
    return ", ".join([f"{suppressed} tokens suppressed, {first} at the start", *values])


def _whole(low: int, high: int) -> tuple[Callable[[Any], bool], str]:
    return lambda value: type(value) is int and low <= value <= high, f"a whole number from {low} to {high}"


def _are_tokens(value: Any) -> bool:
    """Token ids; -1 stands for openai-whisper's own list."""
    return isinstance(value, list) and all(type(token) is int and -1 <= token < MOST for token in value)


def _are_named_tokens(value: Any) -> bool:
    return isinstance(value, dict) and _are_tokens(list(value.values()))


def _are_pairs(value: Any) -> bool:
    pairs = isinstance(value, list) and all(isinstance(pair, list) and len(pair) == 2 for pair in value)
    return pairs and all(type(part) is int and part >= 0 for pair in value for part in pair)


def _is_penalty(value: Any) -> bool:
    return type(value) in (int, float) and 0 < value < math.inf


ALLOWED: dict[str, tuple[Callable[[Any], bool], str]] = {
    "suppress_tokens": (_are_tokens, "a list of token ids"),
    "begin_suppress_tokens": (_are_tokens, "a list of token ids"),
    "alignment_heads": (_are_pairs, "pairs of layer and head"),
    "lang_to_id": (_are_named_tokens, "tokens and their ids"),
    "is_multilingual": (lambda value: isinstance(value, bool), "true or false"),
    "language": (lambda value: isinstance(value, str), "a language"),
    "task": (lambda value: value in TASKS, " or ".join(TASKS)),
    "max_length": _whole(2, MOST),
    "max_initial_timestamp_index": _whole(0, TIMESTAMPS - 1),
    "repetition_penalty": (_is_penalty, "a number above 0"),
    "no_repeat_ngram_size": _whole(0, MOST),
}
"""Key -> whether a value can be used, and what can be."""
