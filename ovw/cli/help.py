"""`--help`: options in groups, in the order of their first option; `Options` itself comes first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from textwrap import wrap
from typing import Any

OPTIONS = "Options"
COMMANDS = "Commands"
WIDEST_NAME = 32
"""Columns of the longest name with its description beside it."""
GAP = 2

Rows = list[tuple[str, str]]
"""Names of options or commands, and their descriptions."""


class GroupedHelp:
    """Writes the groups that `rich_help_panel` names as plain text: at 80 columns, panels leave no room for words."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """The arguments, then the options, then the commands if there are any."""
        arguments, options = Groups(), Groups({OPTIONS: []})
        for param in self.get_params(ctx):  # type: ignore[attr-defined]
            if record := _record(param, ctx):
                is_argument = param.param_type_name == "argument"
                (arguments if is_argument else options).add(param, record, "Arguments" if is_argument else OPTIONS)
        commands = Groups()
        for name, command in getattr(self, "commands", {}).items():
            commands.add(command, (name, _first_paragraph(command.help or "")), COMMANDS)
        for groups in (arguments, options, commands):
            groups.write(formatter)


class Groups(dict[str, Rows]):
    """Group -> its rows."""

    def add(self, entry: Any, row: tuple[str, str], default: str) -> None:
        """Put a row into the group of an option or a command."""
        self.setdefault(entry.rich_help_panel or default, []).append(row)

    def write(self, formatter: Any) -> None:
        """Write every group, with descriptions in one column."""
        column = _column(self)
        for group, rows in self.items():
            if rows:
                with formatter.section(group):
                    for name, text in rows:
                        formatter.write(_entry(name, text, formatter.current_indent, column, formatter.width))


def _record(param: Any, ctx: Any) -> tuple[str, str] | None:
    """Name and description; without the negative of a switch that is off anyway, which `--config` describes for all."""
    record: tuple[str, str] | None = param.get_help_record(ctx)
    if record and param.default is False:
        return record[0].partition(" / ")[0], record[1]
    return record


def _column(groups: Mapping[str, Rows]) -> int:
    widths = [len(name) for rows in groups.values() for name, _ in rows]
    return max((width for width in widths if width <= WIDEST_NAME), default=WIDEST_NAME) + GAP


def _entry(name: str, text: str, indent: int, column: int, width: int) -> str:
    """A name with its description beside it, or below it where the name is too long; option names stay whole."""
    lines = wrap(text, max(width - indent - column, 20), break_on_hyphens=False) or [""]
    beside = len(name) + GAP <= column
    first = f"{name:{column}}{lines[0]}" if beside else name
    rest = (" " * column + line for line in (lines[1:] if beside else lines))
    return _lines(indent, (first, *rest))


def _lines(indent: int, lines: Iterable[str]) -> str:
    return "".join(f"{'':{indent}}{line}".rstrip() + "\n" for line in lines)


def _first_paragraph(text: str) -> str:
    return " ".join(text.partition("\n\n")[0].split())
