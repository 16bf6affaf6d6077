"""Work that can be done anywhere, and who does it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol


class Task(Protocol):
    """What to do with an item. It travels to the workers, so it must be picklable."""

    def load(self) -> Callable[[Any], Any]:
        """Load what is needed, once a worker; the result is called for every item."""


@dataclass(frozen=True)
class Lost:
    """An item whose worker died each time it was tried.

    Attributes:
        item: which.
        reason: in one line.
    """

    item: Any
    reason: str


class Pool(Protocol):
    """Someone who does a task for every item."""

    def run(self, task: Task, items: Iterable[Any]) -> Iterator[Any]:
        """Results as they are ready, in any order, exactly one an item; `Lost` where there is none.

        Items are taken from the iterable only as fast as they are worked off.

        Raises:
            OvwError: the task cannot be loaded.
        """


class Here:
    """This process, one item after the other."""

    def run(self, task: Task, items: Iterable[Any]) -> Iterator[Any]:
        """Results in the order of the items. The task is loaded for the first, so nothing to do costs nothing."""
        work: Callable[[Any], Any] | None = None
        for item in items:
            work = work or task.load()
            yield work(item)
