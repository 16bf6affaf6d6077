"""Work that can be done anywhere, and who does it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from ovw.errors import unexpected

logger = logging.getLogger(__name__)


class Task(Protocol):
    """The work on an item. It travels to the workers, so it must be picklable."""

    def load(self) -> Callable[[Any], Any]:
        """Load what is needed, once a worker; the result is called for every item."""


@dataclass(frozen=True)
class Lost:
    """An item without a result: its worker died each time it was tried, or the task stumbled over it.

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


def attempt(work: Callable[[Any], Any], item: Any) -> Any:
    """The result for an item; an error that the task did not foresee costs this item only."""
    try:
        return work(item)
    except Exception as error:
        logger.debug("%s", item, exc_info=True)
        return Lost(item, unexpected(error))


class InProcessPool:
    """This process, one item after the other."""

    def run(self, task: Task, items: Iterable[Any]) -> Iterator[Any]:
        """Results in the order of the items. The task is loaded for the first, so nothing to do costs nothing."""
        work: Callable[[Any], Any] | None = None
        for item in items:
            work = work or task.load()
            yield attempt(work, item)
