"""Environment variables that switch something on."""

from __future__ import annotations

import os

ON = ("1", "true", "yes", "on")
"""Values that mean yes, in any case; all others mean no."""


def is_on(name: str) -> bool:
    """Whether an environment variable is set to one of `ON`."""
    return os.environ.get(name, "").strip().lower() in ON
