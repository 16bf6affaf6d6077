"""Checkpoint to verified artifact.

`from ovw.convert import convert` is its Python form.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ovw.lazy import lazy_exports

if TYPE_CHECKING:
    from ovw.convert.api import convert as convert

__all__ = ["convert"]
__getattr__ = lazy_exports(__name__, {"convert": "ovw.convert.api"})
