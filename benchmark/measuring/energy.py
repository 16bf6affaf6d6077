"""Joules of the processor package, where the machine counts them (Intel's and AMD's RAPL through powercap)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from ovw.benchmark.case import Timing
from ovw.benchmark.measuring.clock import Run, collect

POWERCAP = Path("/sys/class/powercap")


class Joulemeter(Protocol):
    """Counts the joules used while something runs."""

    def joules(self, work: Callable[[], object]) -> float | None: ...


class EnergyMeter:
    """Reads the packages' counters; they count whatever runs on them.

    Args:
        root: of the kernel's powercap interface.
    """

    def __init__(self, root: Path = POWERCAP) -> None:
        self._zones = sorted(path for path in root.glob("*rapl:*") if path.name.count(":") == 1)
        self.reason = "" if self._zones else f"not available: {root} has no RAPL zones"
        if self._zones and self._read() is None:
            self.reason = "not available: only root may read the counters"

    def joules(self, work: Callable[[], object]) -> float | None:
        """Joules used while something ran; `None` where nothing is counted."""
        before = None if self.reason else self._read()
        work()
        after = None if self.reason else self._read()
        if before is None or after is None:
            return None
        return sum((b - a) % (span + 1) for a, b, span in zip(before, after, self._spans(), strict=True)) / 1e6

    def _read(self) -> list[int] | None:
        try:
            return [int((zone / "energy_uj").read_text(encoding="ascii")) for zone in self._zones]
        except OSError:
            return None

    def _spans(self) -> list[int]:
        return [int((zone / "max_energy_range_uj").read_text(encoding="ascii")) for zone in self._zones]


def collect_with_energy(run: Run, timing: Timing, limit: float, meter: Joulemeter) -> tuple[list[float], float | None]:
    """As `collect`, with energy.

    Returns:
        Milliseconds of the iterations after the warm-up, and joules of each of all that ran; `None` where nothing is
        counted.
    """
    collected: list[tuple[list[float], int]] = []
    joules = meter.joules(lambda: collected.append(collect(run, timing, limit)))
    ((samples, warmed),) = collected
    return samples, None if joules is None else joules / (len(samples) + warmed)
