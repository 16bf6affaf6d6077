"""Values of options that typer has no type for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def numbers(flag: str, text: str | None, kind: Callable[[str], T]) -> tuple[T, ...] | None:
    """`0,0.2` as numbers; nothing at all as an empty list.

    Raises:
        UsageError: one of them is none.
    """
    from ovw.errors import UsageError

    if text is None:
        return None
    try:
        return tuple(kind(part) for part in text.split(",") if part.strip())
    except ValueError:
        raise UsageError(f"{flag} {text!r} is not a list of numbers", "write them with commas, such as 0,0.2") from None
