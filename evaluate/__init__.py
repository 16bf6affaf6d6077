"""`ovw eval`: word error rates that can be cited.

`from ovw.evaluate import evaluate` is its Python form.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ovw.lazy import lazy_exports

if TYPE_CHECKING:
    from ovw.evaluate.api import evaluate as evaluate

__all__ = ["evaluate"]
__getattr__ = lazy_exports(__name__, {"evaluate": "ovw.evaluate.api"})
