"""The control groups of this process, versions 1 and 2, and the cores they leave it: one place for all limits."""

from __future__ import annotations

import math
import os
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path("/")
PERIOD_US = 100_000
"""The kernel's own, where none is written."""
UNLIMITED = 1 << 60
"""Version 1 writes a number near 2**63 for no limit."""


def groups(controller: str, root: Path = ROOT) -> Iterator[Path]:
    """The folders of this process' groups and of those around them.

    A container may see the path that its group has outside, which does not exist inside: there it is the top folder.

    Args:
        controller: of version 1, such as `memory` or `cpu`; version 2 has one folder for all.
        root: of the file system.
    """
    top = root / "sys/fs/cgroup"
    for line in read(root / "proc/self/cgroup").splitlines():
        if line.count(":") < 2:
            continue
        _, controllers, path = line.split(":", 2)
        mounts = ("", "unified") if not controllers else (controllers, controller)
        if controllers and controller not in controllers.split(","):
            continue
        for mount in dict.fromkeys(mounts):
            inside = top / mount / path.strip("/")
            yield from (folder for folder in (inside, *inside.parents) if folder.is_relative_to(top / mount))


def cpu_quota(root: Path = ROOT) -> float | None:
    """Cores' worth of time that the tightest group grants; `None` without a limit."""
    return min((quota for group in groups("cpu", root) for quota in _quotas(group)), default=None)


def memory_limit(group: Path) -> int | None:
    """Bytes that a group may take; `None` without a limit."""
    limit = read(group / "memory.max") or read(group / "memory.limit_in_bytes")
    return int(limit) if limit.isdecimal() and int(limit) < UNLIMITED else None


def throttled_seconds(root: Path = ROOT) -> float:
    """Seconds for which quotas have held this process and its like back; of the group that was held back most."""
    return max((seconds for group in groups("cpu", root) for seconds in _throttled(group)), default=0.0)


def usable_cores(root: Path = ROOT) -> int:
    """Logical cores that this process can keep busy: by affinity, cpusets and the quota, a part of one rounded up."""
    counts = [len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1]
    counts += (count for group in groups("cpuset", root) if (count := _cpuset(group)))
    quota = cpu_quota(root)
    return max(1, min([*counts, math.ceil(quota)] if quota else counts))


@cache
def limited_cores() -> int:
    """`usable_cores` where a group leaves fewer than the machine has; 0 where none does."""
    cores = usable_cores()
    return cores if cores < (os.cpu_count() or 1) else 0


def read(path: Path) -> str:
    """The text of a small file of the system; empty where there is none."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _quotas(group: Path) -> Iterator[float]:
    quota, _, period = read(group / "cpu.max").partition(" ")
    if not quota:
        quota, period = read(group / "cpu.cfs_quota_us"), read(group / "cpu.cfs_period_us")
    if quota.isdecimal() and int(quota) > 0:  # else max, or -1
        yield int(quota) / (int(period) if period.isdecimal() and int(period) > 0 else PERIOD_US)


def _throttled(group: Path) -> Iterator[float]:
    found = dict(line.split(maxsplit=1) for line in read(group / "cpu.stat").splitlines() if " " in line)
    for name, unit in (("throttled_usec", 1e-6), ("throttled_time", 1e-9)):  # of version 2 and 1
        if found.get(name, "").isdecimal():
            yield int(found[name]) * unit


def _cpuset(group: Path) -> int:
    """Cores of a set such as `0-3,8`; 0 where there is none."""
    files = ("cpuset.cpus.effective", "cpuset.effective_cpus", "cpuset.cpus")
    listed = next(filter(None, (read(group / name) for name in files)), "")
    ends = re.findall(r"(\d+)(?:-(\d+))?", listed)
    return sum(int(last or first) - int(first) + 1 for first, last in ends)
