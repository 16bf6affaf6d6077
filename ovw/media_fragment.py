"""Parts of media files, written as W3C's media fragments (Troncy et al., 2012): `talk.wav#t=2.5,7`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

FRAGMENT = re.compile(r"#t=[0-9.]+(,[0-9.]+)?$")


def media_fragment(start_s: float, end_s: float | None) -> str:
    """`#t=2.5,7` for a part of a file, `#t=2.5` for one up to its end; empty for the whole file."""
    if end_s is not None:
        return f"#t={short_seconds(start_s)},{short_seconds(end_s)}"
    return f"#t={short_seconds(start_s)}" if start_s else ""


def split_fragment(name: str) -> tuple[str, str]:
    """A name without its fragment, and the fragment."""
    whole = FRAGMENT.sub("", name)
    return whole, name[len(whole) :]


def sharing(others: Iterable[str]) -> Callable[[str], bool]:
    """Whether a part of a file, or the file, is one of the others, or one of both is all of the other's file."""
    known = set(others)
    files = {split_fragment(name)[0] for name in known}

    def shares(name: str) -> bool:
        whole, fragment = split_fragment(name)
        return name in known or whole in (known if fragment else files)

    return shares


def short_seconds(value: float) -> str:
    """Seconds to the millisecond, without zeros at the end."""
    return f"{value:.3f}".rstrip("0").rstrip(".")
