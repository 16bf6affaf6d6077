"""Checkpoint to verified artifact.

`from ovw.convert import convert` is its Python form.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ovw.convert.api import convert as convert

__all__ = ["convert"]


def __getattr__(name: str) -> Any:
    if name != "convert":
        raise AttributeError(f"module 'ovw.convert' has no attribute {name!r}")
    from ovw.convert import api

    return api.convert
