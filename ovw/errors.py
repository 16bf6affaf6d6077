"""Errors that a user sees: one line with the problem and the way out."""

from __future__ import annotations

import difflib
import re
import reprlib
from collections.abc import Iterable, Mapping
from typing import TypeVar

T = TypeVar("T")

FEW = 12
"""Known names that are listed beside a close one."""
LISTED = 80
"""Names in a message."""
QUOTED = 80
"""Characters of a value in a message."""
LONGEST = 2000
"""Characters of a message."""
DAMAGE = (
    OSError, EOFError, ValueError, LookupError, TypeError, AttributeError, RuntimeError,
    ArithmeticError, AssertionError, MemoryError,
)  # fmt: skip
"""Errors of reading a file that is damaged or of another kind."""
LINK = "For further information visit"
"""Begins pydantic's last line, behind the one with the reason."""
UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Characters that could steer a terminal, turn a line around or not be printed at all."""


class OvwError(Exception):
    """A failure that is explained, not traced.

    Args:
        message: what was seen and what was expected.
        hint: what to do next; shown after the message.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        self.message = printable(message)
        self.hint = printable(hint)
        super().__init__(self.message)

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class NotEqualError(OvwError):
    """An artifact is further from what it was made of than its precision allows."""


class UsageError(OvwError):
    """The request itself is off: an unknown name, a wrong key, options that do not go together."""

    exit_code = 2


def printable(text: str) -> str:
    """A text for one line of a terminal: unsafe characters escaped, the middle of a very long one left out."""
    if len(text) > LONGEST:
        text = f"{text[: LONGEST // 2]} [...] {text[-LONGEST // 2 :]}"
    return UNSAFE.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def quoted(value: object) -> str:
    """A value as a message shows it: its `repr`, at most `QUOTED` characters of it."""
    short = reprlib.Repr()
    short.maxlevel, short.maxstring, short.maxother, short.maxlong = 3, QUOTED, QUOTED, QUOTED
    short.maxdict = short.maxlist = short.maxtuple = short.maxset = 20
    try:
        text = short.repr(value)
    except (ValueError, RecursionError):  # an integer of more digits than Python writes
        text = f"a {type(value).__name__} of no known size"
    return text if len(text) <= QUOTED else f"{text[: QUOTED - 3]}..."


def reason(error: BaseException) -> str:
    """The reason of a failure: the last line of the error's message, without a full stop, or its type without one."""
    if described := getattr(error, "strerror", None):
        return str(described)
    lines = [line.strip() for line in str(error).splitlines() if line.strip() and not line.strip().startswith(LINK)]
    if not lines:
        return type(error).__name__
    last = lines[-1] if lines[-1].endswith("..") else lines[-1].removesuffix(".")
    return f"{last} is missing" if isinstance(error, KeyError) else last


def unexpected(error: BaseException) -> str:
    """An error that nobody foresaw, in a line: its type, and its message if it has one."""
    message = " ".join(str(error).split())
    return f"unexpected {type(error).__name__}" + (f": {message}" if message else "")


def row_of(table: Mapping[str, T], name: str, kind: str) -> T:
    """The entry of a table.

    Args:
        table: by name.
        name: of the entry.
        kind: what an entry is, for the message.

    Raises:
        UsageError: no entry of that name, with the closest known one.
    """
    if name not in table:
        raise UsageError(f"no {kind} '{name}'", did_you_mean(name, table))
    return table[name]


def did_you_mean(value: str, known: Iterable[str]) -> str:
    """`did you mean 'base'? known: ...`, or just the known names when none is close; of very many the first ones."""
    names = list(known)
    close = difflib.get_close_matches(value, names, n=1)
    if close and len(names) > FEW:
        return f"did you mean '{close[0]}'?"
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return (f"did you mean '{close[0]}'? " if close else "") + f"known: {', '.join(names[:LISTED])}{more}"
