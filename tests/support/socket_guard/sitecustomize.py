"""Keeps the tests from the network: Python runs this first in each of their processes, those that ovw starts included.

`OVW_TEST_SOCKETS` is `loopback` (servers of the tests may be asked) or `none` (not even a socket of the internet may be
made). What was refused is raised where it was tried, and also noted in `OVW_TEST_SOCKETS_LOG`: who swallows the error is
found out all the same.
"""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import Any

INTERNET = (socket.AF_INET, socket.AF_INET6)
LOOPBACK = {"127.0.0.1", "::1", "localhost", "", "0.0.0.0", "::", None}


def _leads_out(host: Any) -> bool:
    name = host.decode() if isinstance(host, bytes) else host
    if name is None or name.endswith(".invalid"):  # a name that is reserved for not being there
        return False
    return name.removeprefix("datasets-server.") not in LOOPBACK  # a second address that the hub's is made into


def _is_remote(event: str, args: tuple[Any, ...]) -> bool:
    if event == "socket.getaddrinfo":
        return _leads_out(args[0])
    if event in ("socket.connect", "socket.sendto"):
        used, address = args
        return used.family in INTERNET and _leads_out(address[0])
    return False


def _is_internet(event: str, args: tuple[Any, ...]) -> bool:
    return _is_remote(event, args) or (event == "socket.__new__" and args[1] in INTERNET)


def _guard(event: str, args: tuple[Any, ...]) -> None:
    if not event.startswith("socket."):
        return
    refused = _is_internet if os.environ.get("OVW_TEST_SOCKETS") == "none" else _is_remote
    if refused(event, args):
        with Path(os.environ["OVW_TEST_SOCKETS_LOG"]).open("a", encoding="utf-8") as log:
            log.write(f"{event} {args} in {sys.argv}\n")
        raise PermissionError(f"tests open no connection: {event} {args[1:]}")


if "OVW_TEST_SOCKETS_LOG" in os.environ:
    sys.addaudithook(_guard)
