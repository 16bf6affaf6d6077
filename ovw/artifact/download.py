"""Fetch a file over HTTP: resumed, hashed, put in place only when whole."""

from __future__ import annotations

import http.client
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path

from ovw.artifact.hashing import file_sha256
from ovw.artifact.lock import locked
from ovw.errors import OvwError, reason
from ovw.network import LARGEST, Redirects, Transfer, require_online

BLOCK = 1 << 20
TIMEOUT_S = 30
ATTEMPTS = 4
PAUSE_S = 0.5
"""Before the second attempt; doubled before each further one."""
PASSING = (408, 429, 500, 502, 503, 504)
"""HTTP answers that may be another one a moment later."""
FAILURES = (OSError, http.client.HTTPException)
"""Errors of a fetch; `urllib`'s errors are `OSError`s."""
Progress = Callable[[int, int], None]


def ignore(done: int, total: int) -> None:
    """A progress that nobody watches."""


def download(
    url: str,
    target: Path,
    sha256: str | None,
    on_progress: Progress = ignore,
    secrets: Mapping[str, str] | None = None,
    otherwise: str = "",
    largest: int = LARGEST,
) -> Path:
    """Have the file of a URL at `target`; a good file that is there already is used as it is.

    What arrives goes to `<target>.part`, from where an interrupted download resumes; a second process that wants the
    same file waits for the first. A file that is already at `target` with another hash is replaced only by one with the
    right hash.

    Args:
        url: where it is.
        target: where it shall be.
        sha256: what it must hash to; `None` if not known.
        on_progress: called with the bytes done and the bytes in all (0 if unknown).
        secrets: headers for this server alone, not for one that it redirects to.
        otherwise: another way to come by it, for the message.
        largest: bytes that are taken.

    Raises:
        OvwError: the server cannot be reached or has no such file, it breaks a limit of `ovw.network`, or the file has
            another hash.
    """
    if is_good(target, sha256):
        return target
    require_online(url)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with locked(target.with_name(f".{target.name}.lock"), wait=True):
            if not is_good(target, sha256):
                _fetch_to(target, url, sha256, on_progress, secrets or {}, Transfer(url, target.parent, largest))
    except FAILURES as error:
        hint = f"run again to resume, or put the file at {target}" + (f", or {otherwise}" if otherwise else "")
        raise OvwError(f"{url} cannot be fetched: {explain(error)}", hint) from error
    return target


def is_good(path: Path, sha256: str | None) -> bool:
    """Whether a file is there, and has the hash that it should have, if that is known."""
    return path.is_file() and (sha256 is None or file_sha256(path) == sha256)


def explain(error: BaseException) -> str:
    """Why a fetch failed, in a few words."""
    inner = getattr(error, "reason", None)
    if isinstance(error, urllib.error.HTTPError):
        return f"HTTP {error.code} {error.reason}"
    why = reason(inner) if isinstance(inner, BaseException) else str(inner or reason(error))
    return why.strip() or type(error).__name__


def with_patience(fetch: Callable[[], None], progress: Callable[[], int] = lambda: 0) -> None:
    """Call `fetch` until it succeeds, some attempts after the last that got on.

    Args:
        fetch: may fail in passing.
        progress: how far it has come, whatever the unit.
    """
    failed, reached = 0, progress()
    while True:
        try:
            return fetch()
        except FAILURES as error:
            if isinstance(error, urllib.error.HTTPError):
                error.close()
            failed = 1 if progress() > reached else failed + 1
            reached = progress()
            if failed == ATTEMPTS or not _passing(error):
                raise
            time.sleep(PAUSE_S * 2 ** (failed - 1))


def _passing(error: BaseException) -> bool:
    """Whether trying again may help: a connection that broke or was refused, a server that is busy."""
    if isinstance(error, urllib.error.HTTPError):
        return error.code in PASSING
    network = (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError)
    return isinstance(error, network)


def _fetch_to(
    target: Path,
    url: str,
    sha256: str | None,
    on_progress: Progress,
    secrets: Mapping[str, str],
    transfer: Transfer,
) -> None:
    part = target.with_name(target.name + ".part")
    with_patience(lambda: _fetch_rest(url, part, on_progress, secrets, transfer), lambda: _size(part))
    found = file_sha256(part)
    if sha256 is not None and found != sha256:
        part.unlink()
        raise OvwError(
            f"{url} arrived with SHA-256 {found}, expected {sha256}", "discarded; run again to fetch it anew"
        )
    part.replace(target)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _fetch_rest(url: str, part: Path, on_progress: Progress, secrets: Mapping[str, str], transfer: Transfer) -> None:
    """Append what is missing to `part`."""
    have = _size(part)
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})  # noqa: S310
    for name, value in secrets.items():
        request.add_unredirected_header(name, value)
    try:
        response = urllib.request.build_opener(Redirects).open(request, timeout=TIMEOUT_S)
    except urllib.error.HTTPError as error:
        if error.code != http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise
        error.close()
        total_there = (error.headers.get("Content-Range") or "").rpartition("/")[2]
        if total_there.isdigit() and int(total_there) != have:
            part.unlink()
            raise ConnectionError(f"{have} bytes were here of {total_there}, they are fetched anew") from None
        return  # all of it is here
    with response, part.open("ab" if response.status == http.HTTPStatus.PARTIAL_CONTENT else "wb") as out:
        done = out.tell()
        total = done + int(response.headers.get("Content-Length") or -done)
        transfer.announce(total, total - done)
        while block := response.read1(BLOCK):  # what has arrived, however little
            out.write(block)
            done += len(block)
            transfer.advance(len(block), done)
            on_progress(done, total)
        out.flush()
        os.fsync(out.fileno())
        if total and done < total:
            raise ConnectionError(f"the connection broke at {done} of {total} bytes")
