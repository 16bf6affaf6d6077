"""The decoding defaults of an artifact, for people."""

from __future__ import annotations

from pathlib import Path

from ovw.artifact import names
from ovw.artifact.generation import read_generation

SHOWN = ("language", "task", "max_length", "max_initial_timestamp_index", "repetition_penalty", "no_repeat_ngram_size")


def describe_decoding(folder: Path) -> str:
    """`88 tokens suppressed, 2 at the start, is_multilingual True, ...`; empty without a generation config."""
    if not (folder / names.GENERATION_CONFIG).is_file():
        return ""
    config = read_generation(folder)
    suppressed, first = (len(config.get(key) or ()) for key in ("suppress_tokens", "begin_suppress_tokens"))
    values = [f"{key} {config[key]}" for key in (*SHOWN, "is_multilingual", "no_timestamps_token_id") if key in config]
    return ", ".join([f"{suppressed} tokens suppressed, {first} at the start", *values])
