"""Names of a package that are imported on first use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazy_exports(package: str, modules: Mapping[str, str]) -> Callable[[str], Any]:
    """A module's `__getattr__` that imports what the package exports, so that the package itself loads nothing heavy.

    Args:
        package: its name.
        modules: exported name -> module that defines it.
    """

    def getattribute(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module '{package}' has no attribute {name!r}")
        return getattr(import_module(modules[name]), name)

    return getattribute
