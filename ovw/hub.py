"""The address of the Hugging Face hub."""

from __future__ import annotations

import os

from ovw.errors import UsageError

ENDPOINT = "https://huggingface.co"


def hub_endpoint() -> str:
    """The address of the hub, or of the mirror in `$HF_ENDPOINT`, without a slash at its end.

    Raises:
        UsageError: `$HF_ENDPOINT` is no address.
    """
    endpoint = (os.environ.get("HF_ENDPOINT") or ENDPOINT).rstrip("/")
    if not endpoint.startswith(("https://", "http://")):
        raise UsageError(f"HF_ENDPOINT is '{endpoint}'", "give an https:// address, or unset it")
    return endpoint
