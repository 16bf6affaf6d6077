"""Decoding defaults that an artifact brings, from its checkpoint and its shapes; options that were given win."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ovw.artifact.generation import read_generation
from ovw.artifact.manifest import Manifest
from ovw.config import build
from ovw.control_tokens import code_of
from ovw.errors import UsageError, quoted
from ovw.transcribe.options import AUTO, TranscribeOptions
from ovw.transcribe.tokenizer import TIME_PRECISION

CARRIED = ("repetition_penalty", "no_repeat_ngram_size", "task")
"""Entries of `generation_config.json` that are options of the same name."""


def artifact_defaults(folder: Path, manifest: Manifest) -> dict[str, Any]:
    """The options that an artifact's `generation_config.json` sets, and no more samples than its decoder takes rows.

    Suppressed tokens are the tokenizer's.

    Raises:
        OvwError: the file is missing or damaged.
    """
    dims, most_rows = manifest.dimensions(), manifest.shapes.batch[1]
    config = read_generation(folder, dims.n_vocab)
    found = {key: config[key] for key in CARRIED if config.get(key) is not None}
    if language := config.get("language"):
        found["language"] = code_of(language)
    if (length := config.get("max_length") or dims.n_text_ctx) <= dims.n_text_ctx // 2:
        found["max_new_tokens"] = length - 1  # the start token counts
    if (latest := config.get("max_initial_timestamp_index")) is not None:
        found["max_initial_timestamp"] = latest * TIME_PRECISION
    if 0 <= most_rows < TranscribeOptions.model_fields["best_of"].default:
        found["best_of"] = most_rows
    return found


def with_defaults(
    options: TranscribeOptions | None, overrides: dict[str, Any], defaults: dict[str, Any]
) -> TranscribeOptions:
    """The options in force: overrides, then what was set in `options`, then the artifact's, then OpenAI's.

    Raises:
        UsageError: an unknown option, a value out of range, or something else than options.
    """
    if options is not None and not isinstance(options, TranscribeOptions):
        hint = "give TranscribeOptions(...), of ovw.transcribe.options, or each by its name"
        raise UsageError(f"options are {quoted(options)}", hint)
    given = {**(options.model_dump(exclude_unset=True) if options else {}), **overrides}
    if given.get("language") is None:
        given.pop("language", None)
    chosen = {**defaults, **given}
    if str(chosen.get("language") or "").lower() == AUTO:
        chosen["language"] = None
    return build(TranscribeOptions, chosen)
