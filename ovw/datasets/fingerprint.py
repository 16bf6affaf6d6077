"""One hash for what a dataset holds."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable


def fingerprint(entries: Iterable[tuple[str, str, str]]) -> str:
    """SHA-256 over (id, reference, SHA-256 of the audio file) of utterances, whatever their order and container.

    The same clips from a folder, an archive and the Hub have one fingerprint.
    """
    digest = hashlib.sha256()
    for entry in sorted(entries):
        for part in entry:
            digest.update(f"{len(part)}:{part}".encode())
    return digest.hexdigest()
