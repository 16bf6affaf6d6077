"""The address of the Hugging Face hub, and of its repositories."""

from __future__ import annotations

import os
from pathlib import Path

from ovw.errors import UsageError

ENDPOINT = "https://huggingface.co"
SCHEME = "hf:"


def is_reference(model: str) -> bool:
    """Whether a `-m` value names a repository of the hub."""
    return model.startswith(SCHEME) and not Path(model).exists()


def hub_endpoint() -> str:
    """The address of the hub, or of the mirror in `$HF_ENDPOINT`, without a slash at its end.

    Raises:
        UsageError: `$HF_ENDPOINT` is no address.
    """
    endpoint = (os.environ.get("HF_ENDPOINT") or ENDPOINT).rstrip("/")
    if not endpoint.startswith(("https://", "http://")):
        raise UsageError(f"HF_ENDPOINT is '{endpoint}'", "give an https:// address, or unset it")
    return endpoint
