"""The end of a child process."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from ovw.benchmark.measuring.pace import Pace

Ending = Literal["done", "failed", "crashed", "out of memory", "hang", "missing"]


@dataclass(frozen=True)
class Outcome:
    """The end of a child process and its results.

    Attributes:
        ending: `missing` is an engine that is not installed.
        reason: in one line, empty when it is done.
        results: what it wrote, in order, up to its end.
        seconds: from its start to its end.
        others: cores' worth of time that other processes took meanwhile; `None` where that is not known.
        throttled: share of the time for which a container's quota held processes back.
        pace: of the machine before or behind it, the slower one; `None` where it was not measured.
        rss_mb: resident memory over time, where it was watched.
    """

    ending: Ending
    reason: str
    results: list[dict[str, Any]]
    seconds: float
    others: float | None
    rss_mb: list[float] = field(default_factory=list)
    throttled: float = 0.0
    pace: Pace | None = None

    def describe(self) -> dict[str, Any]:
        """The descriptions among its results: versions, arithmetic, settings."""
        return {key: value for result in self.results for key, value in result.get("facts", {}).items()}
