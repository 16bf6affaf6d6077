"""Memory that this process may still take, and giving back unused memory."""

from __future__ import annotations

import ctypes
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ovw.cgroups import groups, memory_limit, read

_M_ARENA_MAX = -8
"""glibc's number for it, from malloc.h."""


@dataclass(frozen=True)
class FreeMemory:
    """Memory that can be taken without swapping.

    Attributes:
        bytes: how much.
        where: what sets the limit, `on this machine` or `in this container`.
    """

    bytes: int
    where: str


def free_memory(root: Path = Path("/")) -> FreeMemory | None:
    """The tightest of what Linux calls available and what each control group of this process leaves.

    Args:
        root: of the file system.

    Returns:
        `None` where the system does not report it: macOS and Windows.
    """
    found = re.search(r"^MemAvailable:\s*(\d+) kB", read(root / "proc/meminfo"), re.MULTILINE)
    machine = [FreeMemory(int(found[1]) * 1024, "on this machine")] if found else []
    containers = [FreeMemory(left, "in this container") for group in groups("memory", root) for left in _left(group)]
    return min([*machine, *containers], key=lambda free: free.bytes, default=None)


def give_back() -> None:
    """Hand freed memory to the system; glibc would keep blocks of up to 32 MB for later, whole models of them."""
    _glibc("malloc_trim", 0)


def share_heaps() -> None:
    """Have the threads of this process share two heaps; glibc has eight a core, and what one frees the others lack.

    Of a process of our own alone; the environment variable MALLOC_ARENA_MAX goes before.
    """
    if "MALLOC_ARENA_MAX" not in os.environ:
        _glibc("mallopt", _M_ARENA_MAX, 2)


def _glibc(function: str, *arguments: int) -> None:
    """Call a function of the C library where there is one of the name."""
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), function):
        getattr(libc, function)(*arguments)


def _left(group: Path) -> Iterator[int]:
    """The limit of a group less what it uses; the page cache can be had back. Nothing where there is no limit."""
    limit = memory_limit(group)
    used = read(group / "memory.current") or read(group / "memory.usage_in_bytes")
    if limit is None or not used.isdecimal():
        return
    stat = dict(line.split() for line in read(group / "memory.stat").splitlines())
    prefix = "total_" if "total_cache" in stat else ""
    cached = sum(int(stat.get(f"{prefix}{age}_file", 0)) for age in ("inactive", "active"))
    yield max(limit - int(used) + cached, 0)
