"""Utterances and problems, the items of every dataset."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from ovw.media_fragment import media_fragment
from ovw.text_files import escaped

Audio = Path | bytes | Callable[[], bytes]
"""A media file: where it lies, what it holds, or how to get what it holds."""


@dataclass(frozen=True)
class Utterance:
    """A clip and its reference text.

    Attributes:
        id: unique in its dataset.
        audio: the media file.
        location: where the audio lies, for people: a path, or a member of an archive.
        reference: the text as the dataset has it.
        language: Whisper's code where the dataset has one.
        speaker: where the dataset names one.
        duration_s: of the clip, where the dataset has it.
        start_s: where the clip begins in its media file.
        end_s: where it ends there; `None` for the end of the file.
    """

    id: str
    audio: Audio = field(repr=False)
    location: str
    reference: str
    language: str | None = None
    speaker: str | None = None
    duration_s: float | None = None
    start_s: float = 0.0
    end_s: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "location", escaped(self.location))

    @property
    def fragment(self) -> str:
        """The part of the media file, as a link writes it; empty for the whole file."""
        return media_fragment(self.start_s, self.end_s)


@dataclass(frozen=True)
class Problem:
    """Something in a dataset that cannot be used.

    Attributes:
        id: of the utterance, or of the line where there is none.
        location: file, member or line.
        reason: in one line.
    """

    id: str
    location: str
    reason: str

    def __post_init__(self) -> None:
        for name in ("id", "location", "reason"):
            object.__setattr__(self, name, escaped(getattr(self, name)))


Item = Utterance | Problem


class Dataset(Protocol):
    """A source of utterances. Iterating it again begins anew, in the same order."""

    @property
    def name(self) -> str:
        """Such as `librispeech test-other`."""

    @property
    def origin(self) -> str:
        """Where it is read from: a folder, an archive, a manifest, the Hub."""

    @property
    def streamed(self) -> bool:
        """Listing it costs as much as reading it, so it is not done just to count."""

    def __iter__(self) -> Iterator[Item]: ...


def select(items: Iterable[Item], *, limit: int | None = None, shuffle: bool = False, seed: int = 0) -> Iterator[Item]:
    """The utterances to use; ids seen before, and those that are not UTF-8, turned into problems.

    Args:
        items: of a dataset.
        limit: how many utterances; all if not given. Problems do not count.
        shuffle: draw them at random instead of taking the first. Which are drawn depends on their ids and the seed
            alone, so a folder, an archive and the Hub give the same clips; the whole source is listed for that.
        seed: of the draw.

    Yields:
        Utterances in the order of the source, with problems between them.
    """
    unique = _without_repeats(items)
    if shuffle and limit is not None:
        yield from _draw(unique, limit, seed)
        return
    taken = 0
    for item in unique:
        if taken == limit:
            return
        taken += isinstance(item, Utterance)
        yield item


def _without_repeats(items: Iterable[Item]) -> Iterator[Item]:
    seen: set[str] = set()
    for item in items:
        if isinstance(item, Problem):
            yield item
        elif escaped(item.id) != item.id:
            yield Problem(item.id, item.location, "its name is not UTF-8")
        elif item.id in seen:
            yield Problem(item.id, item.location, "this id was seen before")
        else:
            seen.add(item.id)
            yield item


def _draw(items: Iterable[Item], limit: int, seed: int) -> Iterator[Item]:
    problems: list[tuple[int, Item]] = []

    def keyed() -> Iterator[tuple[bytes, int, Item]]:
        for place, item in enumerate(items):
            if isinstance(item, Problem):
                problems.append((place, item))
                continue
            yield hashlib.sha256(f"{seed}/{item.id}".encode()).digest(), place, item

    drawn = [(place, item) for _, place, item in heapq.nsmallest(limit, keyed(), key=lambda entry: entry[:2])]
    yield from (item for _, item in sorted([*drawn, *problems], key=lambda entry: entry[0]))
