"""`ovw bench`: how fast, how large, and how far from what the machine allows.

`from ovw.benchmark import bench` is its Python form.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ovw.lazy import lazy_exports

if TYPE_CHECKING:
    from ovw.benchmark.api import bench as bench

__all__ = ["bench"]
__getattr__ = lazy_exports(__name__, {"bench": "ovw.benchmark.api"})
