"""SHA-256 of files and folders."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ovw.artifact import names
from ovw.artifact.manifest import FileEntry


def file_sha256(path: Path) -> str:
    """Hex SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def hash_folder(folder: Path) -> dict[str, FileEntry]:
    """Size and hash of every file of an artifact except its manifest."""
    found = sorted(p for p in folder.rglob("*") if p.is_file() and p.name != names.MANIFEST)
    return {p.relative_to(folder).as_posix(): FileEntry(bytes=p.stat().st_size, sha256=file_sha256(p)) for p in found}
