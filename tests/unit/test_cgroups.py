"""The cores that control groups leave, versions 1 and 2, nested, and who obeys."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ovw import cgroups
from ovw.cgroups import cpu_quota, limited_cores, throttled_seconds, usable_cores
from ovw.runtime import device
from ovw.runtime.device import DeviceOptions
from ovw.voice_activity import detector, network


@pytest.fixture(autouse=True)
def sixteen_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(16)))
    monkeypatch.setattr(os, "cpu_count", lambda: 16)


def machine(root: Path, groups: str, files: dict[str, object]) -> Path:
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(groups)
    for name, value in files.items():
        path = root / "sys/fs/cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{value}\n")
    return root


@pytest.mark.parametrize(
    ("groups", "files", "quota", "cores"),
    [
        ("0::/\n", {}, None, 16),
        ("0::/\n", {"cpu.max": "max 100000"}, None, 16),
        ("0::/\n", {"cpu.max": "200000 100000"}, 2.0, 2),
        ("0::/\n", {"cpu.max": "150000 100000"}, 1.5, 2),
        ("0::/\n", {"cpu.max": "50000 100000"}, 0.5, 1),
        ("0::/\n", {"cpu.max": "400000"}, 4.0, 4),
        ("0::/job/step\n", {"job/step/cpu.max": "max 100000", "job/cpu.max": "300000 100000"}, 3.0, 3),
        ("0::/job/step\n", {"job/step/cpu.max": "200000 100000", "job/cpu.max": "800000 100000"}, 2.0, 2),
        ("0::/outside/of/here\n", {"cpu.max": "200000 100000"}, 2.0, 2),
        ("4:cpu,cpuacct:/\n0::/\n", {"cpu,cpuacct/cpu.cfs_quota_us": 250000, "cpu,cpuacct/cpu.cfs_period_us": 50000}, 5.0, 5),
        ("4:cpu:/\n", {"cpu/cpu.cfs_quota_us": -1, "cpu/cpu.cfs_period_us": 100000}, None, 16),
        ("4:cpu:/d/1\n", {"cpu/d/1/cpu.cfs_quota_us": -1, "cpu/d/cpu.cfs_quota_us": 600000}, 6.0, 6),
        ("4:cpuacct,cpu:/\n", {"cpu/cpu.cfs_quota_us": 300000, "cpu/cpu.cfs_period_us": 100000}, 3.0, 3),
        ("4:memory:/\n", {"memory/cpu.cfs_quota_us": 100000}, None, 16),
        ("garbage\n", {"cpu.max": "200000 100000"}, None, 16),
        ("0::/a:b\n", {"a:b/cpu.max": "200000 0"}, 2.0, 2),
        ("0::/\n", {"cpuset.cpus.effective": "0-3,8"}, None, 5),
        ("0::/\n", {"cpuset.cpus.effective": "0-7", "cpu.max": "300000 100000"}, 3.0, 3),
        ("3:cpuset:/d\n", {"cpuset/d/cpuset.cpus": "2,4", "cpuset/cpuset.cpus": "0-15"}, None, 2),
        ("0::/\n", {"cpuset.cpus.effective": "", "cpuset.cpus": ""}, None, 16),
    ],
)  # fmt: skip
def test_cores(tmp_path: Path, groups: str, files: dict[str, object], quota: float | None, cores: int):
    root = machine(tmp_path, groups, files)
    assert cpu_quota(root) == quota
    assert usable_cores(root) == cores


def test_affinity_counts_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {1, 2, 3})
    assert usable_cores(machine(tmp_path, "0::/\n", {"cpu.max": "800000 100000"})) == 3


def test_a_system_without_groups(tmp_path: Path):
    assert usable_cores(tmp_path) == 16
    assert throttled_seconds(tmp_path) == 0


@pytest.mark.parametrize(
    ("groups", "files", "seconds"),
    [
        ("0::/job/step\n", {"job/step/cpu.stat": "usage_usec 9\nthrottled_usec 250000", "job/cpu.stat": "throttled_usec 1500000"}, 1.5),
        ("4:cpu,cpuacct:/d\n", {"cpu,cpuacct/d/cpu.stat": "nr_periods 3\nnr_throttled 1\nthrottled_time 750000000"}, 0.75),
        ("0::/\n", {"cpu.stat": "usage_usec 9\ngarbage"}, 0.0),
    ],
)  # fmt: skip
def test_time_held_back(tmp_path: Path, groups: str, files: dict[str, object], seconds: float):
    assert throttled_seconds(machine(tmp_path, groups, files)) == seconds


def test_inference_obeys_the_quota_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch):
    limited_cores.cache_clear()
    monkeypatch.setattr(cgroups, "usable_cores", lambda: 16)
    assert limited_cores() == 0
    limited_cores.cache_clear()
    monkeypatch.setattr(cgroups, "usable_cores", lambda: 3)
    assert limited_cores() == 3
    limited_cores.cache_clear()
    monkeypatch.setattr(device, "limited_cores", lambda: 0)
    assert "INFERENCE_NUM_THREADS" not in DeviceOptions().properties()
    monkeypatch.setattr(device, "limited_cores", lambda: 3)
    assert DeviceOptions().properties()["INFERENCE_NUM_THREADS"] == 3
    assert DeviceOptions(threads=5).properties()["INFERENCE_NUM_THREADS"] == 5


def test_voice_activity_obeys_threads_and_quota(monkeypatch: pytest.MonkeyPatch):
    network._network.cache_clear()
    monkeypatch.setattr(detector, "usable_cores", lambda: 2)
    for asked, used in ((1, 1), (0, 2)):
        activity = detector.VoiceActivity(asked)
        compiled = activity._request.get_compiled_model()
        assert compiled.get_property("INFERENCE_NUM_THREADS") == used
        assert compiled.get_property("NUM_STREAMS") == used
    network._network.cache_clear()
