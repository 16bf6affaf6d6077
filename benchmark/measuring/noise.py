"""Other load on the machine during a measurement."""

from __future__ import annotations

import os
import time

import psutil

from ovw.cgroups import usable_cores

SHARE = 0.05
"""Of the cores we may use, taken by others: more than this disturbs."""
LEAST = 0.1
"""Cores' worth of time that never counts as a disturbance: the system's own work."""


class NoiseMeter:
    """Counts, from now on, the processor time that neither this process nor its children take."""

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self._busy, self._own = _busy(), _own()

    def others(self) -> float | None:
        """Cores' worth of time of all others since the start; a virtual machine's stolen time is among it.

        Children count once they have ended and were waited for.
        """
        seconds = time.perf_counter() - self._started
        if os.name == "nt" or seconds <= 0:
            return None  # there, ended children are not counted
        taken = (_busy() - self._busy) - (_own() - self._own)
        return round(max(0.0, taken / seconds), 3)


def noise_limit() -> float:
    """Cores' worth of other processes' time from which on a measurement is disturbed."""
    return max(LEAST, SHARE * usable_cores())


def _busy() -> float:
    """Seconds that the cores we may use were busy, since the machine started."""
    cores = psutil.cpu_times(percpu=True)
    usable = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(len(cores))
    return sum(_busy_of(cores[core]) for core in usable if core < len(cores))


def _busy_of(core: object) -> float:
    kinds = ("user", "nice", "system", "irq", "softirq", "steal")
    return sum(float(getattr(core, kind, 0.0)) for kind in kinds)


def _own() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
