"""Limits on what a server may do to this machine: size, time, disk, and where it may send a request on to."""

from __future__ import annotations

import ipaddress
import os
import shutil
import socket
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPMessage
from pathlib import Path
from typing import IO
from urllib.parse import SplitResult, urlsplit

from ovw.errors import OvwError
from ovw.switches import is_on

LARGEST = 32 << 30
"""Bytes of a file; the weights of the largest Whisper are 6 GB."""
RESERVE = 256 << 20
"""Bytes of the disk that a download leaves free."""
SLOWEST = 10_000
"""Bytes per second, on average, below which a download is given up."""
PATIENCE_S = 60.0
"""Before the average counts."""
LONGEST_S = 24 * 3600.0
OTHER_HOSTS = 3
"""Times that a request may be sent on to another host."""
OFFLINE = "OVW_OFFLINE"
"""Set by `--offline`: this process and those it starts open no connection."""
OFFLINE_OF_HUB = "HF_HUB_OFFLINE"
"""huggingface-hub's own variable, which `datasets` obeys too."""
LOOK_EVERY = 16 << 20
"""Bytes between two looks at the disk."""


def go_offline() -> None:
    """Open no connection from here on, nor in processes that this one starts."""
    os.environ[OFFLINE] = os.environ[OFFLINE_OF_HUB] = "1"


@contextmanager
def offline(wanted: bool) -> Iterator[None]:
    """Open no connection for a while, where that is wanted."""
    before = {name: os.environ.get(name) for name in (OFFLINE, OFFLINE_OF_HUB)}
    if wanted:
        go_offline()
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def is_offline(*, hub: bool = False) -> bool:
    """Whether no connection is to be opened.

    Args:
        hub: to the Hugging Face hub, which has a variable of its own.
    """
    names = (OFFLINE, OFFLINE_OF_HUB) if hub else (OFFLINE,)
    return any(is_on(name) for name in names)


def require_online(what: str) -> None:
    """Refuse to open a connection where none is to be opened.

    Args:
        what: it is for.

    Raises:
        OvwError: the process is offline.
    """
    if is_offline():
        raise OvwError(f"{what} is not on this machine", "run without --offline")


class Transfer:
    """Stops a download that breaks the limits.

    Args:
        url: for messages.
        folder: where it is written to.
        largest: bytes that are taken.
    """

    def __init__(self, url: str, folder: Path, largest: int = LARGEST) -> None:
        self._url, self._folder, self._largest = url, folder, largest
        self._started, self._moved, self._looked = time.monotonic(), 0, 0

    def announce(self, size: int, left: int) -> None:
        """Check what the server announces before anything is written.

        Args:
            size: of the whole file in bytes, 0 if not announced.
            left: bytes that are still to come.

        Raises:
            OvwError: too large, or more than the disk has room for.
        """
        self._check_size(size)
        self._check_disk(left)

    def advance(self, moved: int, done: int) -> None:
        """Check what has arrived.

        Args:
            moved: bytes, in this step.
            done: bytes of the file that are here now.

        Raises:
            OvwError: too many, too slow, or no room left.
        """
        self._moved += moved
        self._check_size(done)
        if self._moved - self._looked >= LOOK_EVERY:
            self._looked = self._moved
            self._check_disk(0)
        took = time.monotonic() - self._started
        if (took > PATIENCE_S and self._moved < took * SLOWEST) or took > LONGEST_S:
            seen = f"{self._url}: {self._moved} bytes in {took:.0f} s"
            raise OvwError(seen, f"at least {SLOWEST} a second are expected; run again, or fetch it by other means")

    def _check_size(self, size: int) -> None:
        if size > self._largest:
            raise OvwError(f"{self._url}: {size} bytes, at most {self._largest} are taken", "fetch it by other means")

    def _check_disk(self, needed: int) -> None:
        free = shutil.disk_usage(self._folder).free
        if free < needed + RESERVE:
            seen = f"{self._url}: {needed / 1e6:.0f} MB more to come, {self._folder} has {free / 1e6:.0f} MB free"
            raise OvwError(seen, f"make room; {RESERVE / 1e6:.0f} MB stay free")


def split_address(address: str) -> SplitResult | None:
    """The parts of an address; `None` where it has none, as with half a pair of brackets."""
    try:
        return urlsplit(address)
    except ValueError:
        return None


def addresses_of(host: str) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    """The addresses of a host; none where its name is not known here."""
    with suppress(ValueError):  # a name
        return [ipaddress.ip_address(host)]
    try:
        found = {str(entry[4][0]).partition("%")[0] for entry in socket.getaddrinfo(host, None)}
        return [ipaddress.ip_address(one) for one in sorted(found)]
    except (OSError, ValueError):
        return []


def is_private(url: str) -> bool:
    """Whether an address leads into a private network or to this machine.

    `False` where the name is not known: behind a proxy, which looks it up, none is.
    """
    return any(not address.is_global for address in addresses_of(urlsplit(url).hostname or ""))


def check_stray(asked: str, led_to: str) -> None:
    """Refuse to be led into a private network by an address outside of it.

    Args:
        asked: the address that the user gave.
        led_to: where it leads.

    Raises:
        OvwError: the first is public, the second private.
    """
    if is_private(led_to) and not is_private(asked):
        raise OvwError(f"{asked} leads to {led_to}, in a private network", "give that address itself if it is meant")


class Redirects(urllib.request.HTTPRedirectHandler):
    """Follows a redirect to few other hosts, never from https to http, never into a private network."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        here, there = urlsplit(req.full_url), urlsplit(newurl)
        following = super().redirect_request(req, fp, code, msg, headers, newurl)
        if following is None or here.netloc == there.netloc:
            return following
        if here.scheme == "https" and there.scheme != "https":
            raise OvwError(f"{req.full_url} leads to {newurl}, which is not encrypted", "fetch it by other means")
        hosts = getattr(req, "other_hosts", 0) + 1
        if hosts > OTHER_HOSTS:
            raise OvwError(f"{req.full_url} leads over more than {OTHER_HOSTS} other hosts", "check the address")
        check_stray(f"{here.scheme}://{req.origin_req_host}", newurl)
        following.other_hosts = hosts  # type: ignore[attr-defined]
        return following
