"""Cues: text on the screen, and its times."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

MS = 1000


@dataclass(frozen=True)
class Atom:
    """A piece of text that is never broken: a word with its punctuation, or one ideograph.

    Attributes:
        text: without spaces at its ends.
        gap: what stood before it: a space, a line end or nothing.
        start_ms, end_ms: when it is spoken, as far as that is known.
    """

    text: str
    gap: str
    start_ms: int
    end_ms: int


Line = tuple[Atom, ...]


@dataclass(frozen=True)
class Cue:
    """A subtitle.

    Attributes:
        start_ms, end_ms: whole milliseconds from the start of the media; `start_ms < end_ms`.
        lines: its text, none of them empty.
        marked: the atom that is being spoken, where that is shown.
    """

    start_ms: int
    end_ms: int
    lines: tuple[Line, ...]
    marked: Atom | None = None

    @property
    def atoms(self) -> tuple[Atom, ...]:
        return tuple(atom for line in self.lines for atom in line)

    @property
    def text(self) -> str:
        """The lines, with line ends between them."""
        return "\n".join(map(join, self.lines))

    @property
    def one_line(self) -> str:
        """The text as if it had never been broken."""
        return join(self.atoms)

    def marked_up(self, escape: Callable[[str], str] = str) -> str:
        """The text with the spoken word underlined.

        Args:
            escape: for the characters that mean something in a format.
        """

        def show(atom: Atom) -> str:
            text = escape(atom.text)
            return f"<u>{text}</u>" if atom is self.marked else text

        return "\n".join(join(line, show) for line in self.lines)


def join(atoms: Sequence[Atom], show: Callable[[Atom], str] = lambda atom: atom.text) -> str:
    """The text of consecutive atoms on one line."""
    return show(atoms[0]) + "".join((" " if atom.gap else "") + show(atom) for atom in atoms[1:])


def clock(ms: int, separator: str) -> str:
    """`01:02:03,456`: hours always, two digits at least."""
    hours, rest = divmod(ms, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    seconds, millis = divmod(rest, MS)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}{separator}{millis:03d}"
