"""`ovw bench`: how fast, how large, and how far from what the machine allows.

`from ovw.benchmark import bench` is its Python form.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ovw.benchmark.api import bench as bench

__all__ = ["bench"]


def __getattr__(name: str) -> Any:
    if name != "bench":
        raise AttributeError(f"module 'ovw.benchmark' has no attribute {name!r}")
    from ovw.benchmark import api

    return api.bench
