"""`ovw eval`: word error rates that can be cited.

`from ovw.evaluate import evaluate` is its Python form.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ovw.evaluate.api import evaluate as evaluate

__all__ = ["evaluate"]


def __getattr__(name: str) -> Any:
    if name != "evaluate":
        raise AttributeError(f"module 'ovw.evaluate' has no attribute {name!r}")
    from ovw.evaluate import api

    return api.evaluate
