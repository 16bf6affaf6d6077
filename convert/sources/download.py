"""Fetch a file over HTTP: resumed, hashed, put in place only when whole."""

from __future__ import annotations

import http.client
import os
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from ovw.artifact.hashing import file_sha256
from ovw.errors import OvwError

BLOCK = 1 << 20
TIMEOUT_S = 30
ATTEMPTS = 4
Progress = Callable[[int, int], None]


def download(url: str, target: Path, sha256: str | None, on_progress: Progress = lambda done, total: None) -> Path:
    """Have the file of a URL at `target`; a good file that is there already is used as it is.

    What arrives goes to `<target>.part`, from where an interrupted download resumes. A file that is already at `target`
    with another hash is replaced only by one with the right hash.

    Args:
        url: where it is.
        target: where it shall be.
        sha256: what it must hash to; `None` if not known.
        on_progress: told the bytes done and the bytes in all (0 if unknown).

    Raises:
        OvwError: the server cannot be reached, or the file has another hash.
    """
    if target.is_file() and (sha256 is None or file_sha256(target) == sha256):
        return target
    part = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _fetch(url, part, on_progress)
    except OSError as error:
        reason = getattr(error, "reason", None) or error
        raise OvwError(
            f"{url} cannot be fetched: {reason}", f"run again to resume, or put the file at {target}"
        ) from None
    found = file_sha256(part)
    if sha256 is not None and found != sha256:
        part.unlink()
        raise OvwError(
            f"{url} arrived with SHA-256 {found}, expected {sha256}", "discarded; run again to fetch it anew"
        )
    part.replace(target)
    return target


def _fetch(url: str, part: Path, on_progress: Progress) -> None:
    """Append what is missing to `part`, taking up again where a broken connection left off."""
    for attempt in range(ATTEMPTS):
        try:
            return _fetch_rest(url, part, on_progress)
        except (ConnectionError, TimeoutError, http.client.IncompleteRead):
            if attempt == ATTEMPTS - 1:
                raise
    return None


def _fetch_rest(url: str, part: Path, on_progress: Progress) -> None:
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})  # noqa: S310
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT_S)  # noqa: S310
    except urllib.error.HTTPError as error:
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return  # all of it is here
        raise
    with response, part.open("ab" if response.status == http.HTTPStatus.PARTIAL_CONTENT else "wb") as out:
        done = out.tell()
        total = done + int(response.headers.get("Content-Length") or -done)
        while block := response.read(BLOCK):
            out.write(block)
            done += len(block)
            on_progress(done, total)
        out.flush()
        os.fsync(out.fileno())
        if total and done < total:
            raise ConnectionError(f"the connection broke at {done} of {total} bytes")
