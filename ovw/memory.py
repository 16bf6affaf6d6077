"""Memory that this process may still take, and giving back unused memory."""

from __future__ import annotations

import ctypes
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

UNLIMITED = 1 << 60
"""Version 1 of cgroups writes a number near 2**63 for no limit."""
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
    found = re.search(r"^MemAvailable:\s*(\d+) kB", _read(root / "proc/meminfo"), re.MULTILINE)
    machine = [FreeMemory(int(found[1]) * 1024, "on this machine")] if found else []
    groups = [FreeMemory(left, "in this container") for group in _groups(root) for left in _left(group)]
    return min([*machine, *groups], key=lambda free: free.bytes, default=None)


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


def _groups(root: Path) -> Iterator[Path]:
    """The folders of this process' control groups and of those around them, versions 2 and 1.

    A container may see the path that its group has outside, which does not exist inside: there it is the top folder.
    """
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers in ("", "memory"):
            top = root / "sys/fs/cgroup" / controllers
            inside = top / path.strip("/")
            yield from (folder for folder in (inside, *inside.parents) if folder.is_relative_to(top))


def _left(group: Path) -> Iterator[int]:
    """The limit of a group less what it uses; the page cache can be had back. Nothing where there is no limit."""
    limit = _read(group / "memory.max") or _read(group / "memory.limit_in_bytes")
    used = _read(group / "memory.current") or _read(group / "memory.usage_in_bytes")
    if not (limit.isdecimal() and used.isdecimal()) or int(limit) >= UNLIMITED:
        return
    stat = dict(line.split() for line in _read(group / "memory.stat").splitlines())
    prefix = "total_" if "total_cache" in stat else ""
    cached = sum(int(stat.get(f"{prefix}{age}_file", 0)) for age in ("inactive", "active"))
    yield max(int(limit) - int(used) + cached, 0)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
