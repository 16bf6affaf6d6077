"""Identity of a checkpoint: the published size it is, its languages and tasks."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any

from ovw.artifact.vocabulary import added_ids
from ovw.control_tokens import END, ENGLISH_END, code_of, control_ids, token_of
from ovw.convert.sources.checkpoint import Checkpoint
from ovw.convert.tokenizer import OFFICIAL_VOCABULARIES
from ovw.errors import OvwError
from ovw.models import Capabilities, Dims, ModelInfo, languages, sizes

logger = logging.getLogger(__name__)

GGML_NAME = re.compile(r"ggml-(?P<size>.+?)(-q[458]_[01])?\.bin")
"""Names of the models that whisper.cpp offers for download."""


def published_as(checkpoint: Checkpoint) -> ModelInfo | None:
    """The published size that a checkpoint is: proved by a hash, or known from a publisher's own name for it.

    Dimensions alone prove nothing: a fine-tune has those of the model that it began as.
    """
    alike = (info for info in sizes().values() if info.dims == checkpoint.dims)
    return next((info for info in alike if _has_hash(checkpoint, info) or _has_name(checkpoint, info)), None)


def _has_hash(checkpoint: Checkpoint, info: ModelInfo) -> bool:
    sources = info.sources
    if sources.sha256 and checkpoint.sha256 == sources.sha256:
        return True
    return bool(sources.tensors_sha256) and checkpoint.tensors_sha256 == sources.tensors_sha256


def _has_name(checkpoint: Checkpoint, info: ModelInfo) -> bool:
    if checkpoint.kind == "ggml":
        match = GGML_NAME.fullmatch(checkpoint.reference)
        return match is not None and match["size"] == info.name
    return checkpoint.reference == f"hf:{info.sources.huggingface}"


def declared_capabilities(
    generation: dict[str, Any], tokenizer: dict[str, Any] | None, dims: Dims
) -> tuple[Capabilities | None, bool | None]:
    """Languages and tasks of a model, and whether their tokens steer it, as far as its files state it.

    Args:
        generation: its generation config, if it has one.
        tokenizer: its `tokenizer.json`, if it has one.
        dims: of the model.
    """
    control = added_ids(tokenizer or {})
    steered = generation.get("is_multilingual", control.get(END) != ENGLISH_END if control else None)
    if not isinstance(steered, bool):
        return None, None
    if not steered:  # it has language tokens all the same
        return Capabilities(("en",), translate=False), False
    language_tokens = _by_openais_names(generation.get("lang_to_id") or control, control, dims)
    codes = (
        tuple(code for code in languages() if token_of(code) in language_tokens)
        or tuple(languages())[: dims.n_languages]
    )
    return Capabilities(codes, "translate" in (generation.get("task_to_id") or ("translate",))), True


def _by_openais_names(tokens: Any, control: Mapping[str, int], dims: Dims) -> Any:
    """Language tokens; a renamed one under OpenAI's name, which the artifact's tokenizer has and programs know."""
    official = _official_ids(dims)
    moved = any(official.get(word, token) != token for word, token in control.items())
    if moved or not control or not isinstance(tokens, Mapping):
        return tokens
    by_id, found = {token: word for word, token in official.items()}, dict(tokens)
    for word, token in tokens.items():
        name = by_id.get(token, "") if isinstance(token, int) else ""
        if word not in official and (code := code_of(name)) in languages():
            logger.warning("%s is OpenAI's token %s renamed: ask for --language %s", word, name, code)
            found[name] = found.pop(word)
    return found


def _official_ids(dims: Dims) -> dict[str, int]:
    """Control token -> id in OpenAI's vocabulary of that size; empty for other sizes."""
    return control_ids(dims) if dims.n_vocab in OFFICIAL_VOCABULARIES else {}


def require_openai_ids(dims: Dims, control: Mapping[str, int], where: str) -> None:
    """Refuse weights without a tokenizer whose control tokens have other ids than in OpenAI's of that size.

    Args:
        dims: of the model.
        control: ids of control tokens, as the other files of the weights state them.
        where: they are, for the message.

    Raises:
        OvwError: an id differs, as behind words that a fine-tune added.
    """
    official = _official_ids(dims)
    for word, token in control.items():
        if official.get(word, token) != token:
            raise OvwError(
                f"{where} has {word} at {token}, OpenAI's vocabulary of {dims.n_vocab} tokens at {official[word]}",
                "put the tokenizer.json of the model into its folder",
            )
