"""The machine a measurement was made on: processor, limits, operating system, versions."""

from __future__ import annotations

import os
import platform
import re
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from ovw.cgroups import ROOT, cpu_quota, groups, memory_limit, read, usable_cores

ISA_FLAGS = {
    "avx2": "avx2",
    "fma": "fma",
    "avx512f": "avx512",
    "avx512_vnni": "avx512-vnni",
    "avx_vnni": "avx-vnni",
    "avx512_bf16": "avx512-bf16",
    "avx512_fp16": "avx512-fp16",
    "amx_tile": "amx",
    "amx_int8": "amx-int8",
    "amx_bf16": "amx-bf16",
    "asimd": "neon",
    "asimddp": "dotprod",
    "i8mm": "i8mm",
    "bf16": "bf16",
    "sve": "sve",
}
"""Instruction sets that matter to inference: Linux's name and ours."""
PACKAGES = (
    "ovw", "openvino", "openvino-genai", "nncf", "numpy", "av", "tokenizers", "onnxruntime", "torch", "openai-whisper",
    "faster-whisper", "ctranslate2", "jiwer", "whisper-normalization", "datasets", "ray",
)  # fmt: skip


class Environment(BaseModel):
    """Where a measurement was made; `None` for what this system does not report."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cpu: str
    """Model name."""
    isa: tuple[str, ...] = ()
    """Instruction sets that matter to inference, such as `avx512-bf16`."""
    physical_cores: int | None = None
    logical_cores: int
    usable_cores: int
    """Logical cores this process may run on."""
    governor: str | None = None
    """Of the clock frequency."""
    load_average: tuple[float, float, float] | None = None
    """Over 1, 5 and 15 minutes, when the record was begun."""
    memory_mb: float | None = None
    container_cpus: float | None = None
    """Cores' worth of time that the container may use."""
    container_memory_mb: float | None = None
    os: str
    python: str
    packages: dict[str, str]
    """Installed versions of what can change a result."""


def read_environment() -> Environment:
    """Look at this machine."""
    info = _cpuinfo()
    return Environment(
        cpu=_cpu_name(info),
        isa=_isa(info),
        physical_cores=_physical_cores(info),
        logical_cores=os.cpu_count() or 1,
        usable_cores=usable_cores(),
        governor=read(Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")) or None,
        load_average=_load_average(),
        memory_mb=_memory_mb(),
        container_cpus=cpu_quota(),
        container_memory_mb=_container_memory_mb(),
        os=platform.platform(),
        python=platform.python_version(),
        packages=dict(_packages()),
    )


def _cpuinfo() -> str:
    return read(Path("/proc/cpuinfo"))


def _field(info: str, name: str) -> str | None:
    found = re.search(rf"^{name}\s*:\s*(.+)$", info, re.MULTILINE)
    return found[1].strip() if found else None


def _cpu_name(info: str) -> str:
    return _field(info, "model name") or platform.processor() or platform.machine()


def _isa(info: str) -> tuple[str, ...]:
    flags = set((_field(info, "flags") or _field(info, "Features") or "").split())
    return tuple(name for flag, name in ISA_FLAGS.items() if flag in flags)


def _physical_cores(info: str) -> int | None:
    """Distinct (socket, core) pairs; a virtual machine may not report them."""
    pairs = re.findall(r"^physical id\s*:\s*(\d+)$.*?^core id\s*:\s*(\d+)$", info, re.MULTILINE | re.DOTALL)
    return len(set(pairs)) or None


def _load_average() -> tuple[float, float, float] | None:
    if sys.platform == "win32":
        return None
    one, five, fifteen = os.getloadavg()
    return round(one, 2), round(five, 2), round(fifteen, 2)


def _memory_mb() -> float | None:
    found = re.search(r"^MemTotal:\s*(\d+) kB", read(Path("/proc/meminfo")), re.MULTILINE)
    return round(int(found[1]) * 1024 / 1e6, 1) if found else None


def _container_memory_mb(root: Path = ROOT) -> float | None:
    limits = [limit for group in groups("memory", root) if (limit := memory_limit(group)) is not None]
    return round(min(limits) / 1e6, 1) if limits else None


@cache
def _packages() -> tuple[tuple[str, str], ...]:
    found = []
    for name in PACKAGES:
        try:
            found.append((name, version(name)))
        except PackageNotFoundError:
            continue
    return tuple(found)
