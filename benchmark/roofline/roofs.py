"""The roofline: stages beside the machine's peaks (Williams et al., 2009)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ovw.record import ROOFS, Case, Metric
from ovw.record_tables import Row


@dataclass(frozen=True)
class Roof:
    """The least time that a stage can take.

    Attributes:
        compute_s: of the matrix products at the peak of their arithmetic.
        memory_s: of what must be moved at the peak rate.
    """

    compute_s: float
    memory_s: float

    @property
    def seconds(self) -> float:
        return max(self.compute_s, self.memory_s)

    @property
    def bound(self) -> str:
        return "compute" if self.compute_s >= self.memory_s else "memory"


def roof(work: dict[str, float], precision: str, peaks: dict[str, Any]) -> Roof | None:
    """The roof of a stage; `None` where the peak of its arithmetic is not known.

    Args:
        work: `float` and `int8` operations, `bytes`.
        precision: the arithmetic of what is not 8 bit.
        peaks: as measured: `gflops` by arithmetic, `gbps` by working set.
    """
    rates = peaks["gflops"]
    if precision not in rates:
        return None
    compute = work["float"] / rates[precision] / 1e9 + work["int8"] / rates["int8"] / 1e9
    return Roof(compute, work["bytes"] / bandwidth(work["bytes"], peaks["gbps"]) / 1e9)


def bandwidth(size: float, rates: Sequence[Sequence[float]]) -> float:
    """GB/s for a working set: of the largest one measured that is not larger, or the smallest.

    Args:
        size: bytes.
        rates: pairs of MB and GB/s.
    """
    fitting = [rate for megabytes, rate in rates if megabytes * 1e6 <= size]
    return fitting[-1] if fitting else rates[0][1]


def add_shares(case: Case, peaks: dict[str, Any]) -> Case:
    """A case with the share of the roof that each of its stages reaches."""
    metrics = dict(case.metrics)
    for stage, found in _roofs(case, peaks).items():
        share = 100 * found.seconds / (case.metrics[stage].value / 1000)
        metrics[stage + ROOFS] = Metric(value=round(share, 2), unit="%")
    return case.model_copy(update={"metrics": metrics})


def roofline_rows(case: Case, peaks: dict[str, Any]) -> list[Row]:
    """A row a stage: its work, what was reached, what limits it."""
    rows = []
    for stage, found in _roofs(case, peaks).items():
        work, seconds = case.facts["work"][stage], case.metrics[stage].value / 1000
        flops = work["float"] + work["int8"]
        rows.append(
            {
                "case": case.name,
                "stage": stage,
                "gflop": round(flops / 1e9, 4),
                "megabytes": round(work["bytes"] / 1e6, 3),
                "ms": round(1000 * seconds, 4),
                "gflops": round(flops / seconds / 1e9, 2),
                "gbps": round(work["bytes"] / seconds / 1e9, 2),
                "bound": found.bound,
                "percent": round(100 * found.seconds / seconds, 2),
            }
        )
    return rows


def better_peaks(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """The higher of two measurements: a disturbance can only lower one."""
    rates = {key: max(value, second["gflops"].get(key, 0.0)) for key, value in first["gflops"].items()}
    other = dict(map(tuple, second["gbps"]))
    return {"gflops": rates, "gbps": [[size, max(rate, other.get(size, 0.0))] for size, rate in first["gbps"]]}


def _roofs(case: Case, peaks: dict[str, Any]) -> dict[str, Roof]:
    found = {}
    for stage, work in case.facts.get("work", {}).items():
        graph = "encoder" if stage == "encoder" else "decoder"
        limit = roof(work, case.facts.get(f"{graph}_precision", ""), peaks)
        if limit and stage in case.metrics:
            found[stage] = limit
    return found
