"""Tables and lines on stdout that are whole at any width."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from textwrap import wrap
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

WIDE = 160
"""Columns of a pipe or a file, unless COLUMNS gives another number."""
GAP = "  "
INDENT = 4


def output_console() -> Console:
    """Standard output, as wide as the terminal or as COLUMNS."""
    console = Console(highlight=False)
    return console if console.is_terminal or os.environ.get("COLUMNS") else Console(highlight=False, width=WIDE)


def print_rows(console: Console, rows: Sequence[dict[str, Any]]) -> None:
    """A table without lines, numbers to the right.

    Where it is too wide, the widest columns are taken out, and their values stand in lines below each row.

    Args:
        console: to print on.
        rows: with the same keys.
    """
    if not rows:
        return
    cells = [{name: "" if value is None else str(value) for name, value in row.items()} for row in rows]
    widths = {name: max(map(cell_len, (name, *(row[name] for row in cells)))) for name in cells[0]}
    kept = _fitting(widths, console.width)
    right = {name for name in kept if _is_numeric([row[name] for row in cells])}

    def line(row: dict[str, str]) -> str:
        parts = [_aligned(row[name], widths[name], right=name in right) for name in kept]
        return GAP.join(parts).rstrip()

    console.print(Text(line({name: name for name in kept}), style="bold"), soft_wrap=True)
    for row in cells:
        console.print(Text(line(row)), soft_wrap=True)
        for name, value in row.items():
            if name not in kept and value:
                console.print(Padding(Text(f"{name}: {value}", overflow="fold"), (0, 0, 0, INDENT)))


def print_lines(console: Console, lines: Iterable[str]) -> None:
    """Lines that are broken between words where they are too wide for a terminal; elsewhere they stay as they are."""
    for line in lines:
        parts = _wrapped(line, console.width) if console.is_terminal else [line]
        console.print(Text("\n".join(parts)), soft_wrap=True)


def _wrapped(line: str, width: int) -> list[str]:
    rest = line[: len(line) - len(line.lstrip())] + " " * INDENT
    return wrap(line, width, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False)


def _fitting(widths: dict[str, int], room: int) -> list[str]:
    """The columns that fit beside each other: the first always, of the others the narrow ones, in their order."""
    kept = list(widths)
    while len(kept) > 1 and sum(widths[name] for name in kept) + len(GAP) * (len(kept) - 1) > room:
        kept.remove(max(kept[1:], key=lambda name: widths[name]))
    return kept


def _is_numeric(values: Sequence[str]) -> bool:
    filled = [value for value in values if value]
    return bool(filled) and all(value[0].isdigit() for value in filled)


def _aligned(text: str, width: int, *, right: bool) -> str:
    gap = " " * (width - cell_len(text))
    return gap + text if right else text + gap
