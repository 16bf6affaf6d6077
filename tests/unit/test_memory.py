"""What is free, as Linux and its control groups tell it."""

from pathlib import Path

import pytest

from ovw.memory import FreeMemory, free_memory

GB = 1_000_000_000


def machine(root: Path, available: int, groups: str) -> Path:
    """A system's files, as far as they are read."""
    (root / "proc" / "self").mkdir(parents=True)
    (root / "proc" / "meminfo").write_text(f"MemTotal: 99999999 kB\nMemAvailable:   {available // 1024} kB\n")
    (root / "proc" / "self" / "cgroup").write_text(groups)
    return root


def group(folder: Path, files: dict[str, object]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in files.items():
        (folder / name).write_text(f"{value}\n")


def test_a_machine_without_limits(tmp_path: Path) -> None:
    root = machine(tmp_path, 8 * GB, "0::/user.slice\n")
    group(root / "sys/fs/cgroup/user.slice", {"memory.max": "max", "memory.current": GB})
    assert free_memory(root) == FreeMemory(8 * GB // 1024 * 1024, "on this machine")


def test_a_system_that_does_not_tell(tmp_path: Path) -> None:
    assert free_memory(tmp_path) is None


@pytest.mark.parametrize("inside", ["", "/job", "/job/step"])
def test_the_tightest_group_counts(tmp_path: Path, inside: str) -> None:
    root = machine(tmp_path, 8 * GB, f"0::{inside or '/'}\n")
    tight = {"memory.max": 4 * GB, "memory.current": 3 * GB, "memory.stat": f"inactive_file {GB}\nactive_file 500"}
    group(root / "sys/fs/cgroup/job/step", {"memory.max": 6 * GB, "memory.current": GB})
    group(root / "sys/fs/cgroup" if not inside else root / "sys/fs/cgroup/job", tight)
    assert free_memory(root) == FreeMemory(2 * GB + 500, "in this container")


def test_version_1(tmp_path: Path) -> None:
    root = machine(tmp_path, 8 * GB, "5:cpu,cpuacct:/docker/1\n4:memory:/docker/1\n0::/\n")
    stat = f"cache 7\ninactive_file 1\ntotal_cache 7\ntotal_inactive_file {GB}\ntotal_active_file 0"
    unlimited = {"memory.limit_in_bytes": 9223372036854771712, "memory.usage_in_bytes": GB}
    group(root / "sys/fs/cgroup/memory", unlimited)
    assert free_memory(root).where == "on this machine"
    group(root / "sys/fs/cgroup/memory", {"memory.limit_in_bytes": 3 * GB, "memory.stat": stat})
    assert free_memory(root) == FreeMemory(3 * GB, "in this container")


def test_a_group_above_its_limit_has_nothing_left(tmp_path: Path) -> None:
    root = machine(tmp_path, 8 * GB, "0::/\n")
    group(root / "sys/fs/cgroup", {"memory.max": GB, "memory.current": 2 * GB})
    assert free_memory(root) == FreeMemory(0, "in this container")
