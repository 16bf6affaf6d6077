"""The vocabulary of a `tokenizer.json`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def added_ids(tokenizer: Mapping[str, Any]) -> dict[str, int]:
    """Token -> id, of those that stand beside the text tokens: control tokens, timestamps, and words added later."""
    return {token["content"]: token["id"] for token in tokenizer.get("added_tokens") or ()}
