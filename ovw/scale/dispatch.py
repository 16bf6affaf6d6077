"""Hand items to workers that may die: bounded queues, retries, exactly one result an item."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from ovw.errors import OvwError
from ovw.scale.task import Lost

AHEAD = 2
"""Items a worker has at once: the one it works on and the next, so that it never waits."""
ATTEMPTS = 3
"""Times that an item is tried when its worker dies under it; then the item is to blame."""


@dataclass(frozen=True)
class Ready:
    """A worker has loaded its task."""

    worker: int


@dataclass(frozen=True)
class Result:
    """A worker has done an item."""

    worker: int
    tag: int
    value: Any


@dataclass(frozen=True)
class Died:
    """A worker is gone."""

    worker: int
    reason: str


class WorkerGroup(Protocol):
    """Workers, numbered from 0. Each works off its items in the order they were sent."""

    size: int

    def start(self, worker: int) -> None:
        """Start a worker, or another one in the place of a dead one."""

    def send(self, worker: int, tag: int, item: Any) -> None:
        """Give a ready worker an item; never waits. A worker that is dead shows in the next event."""

    def wait(self) -> Ready | Result | Died:
        """The next thing that happens.

        Raises:
            OvwError: the task cannot be loaded.
        """

    def close(self) -> None:
        """Stop every worker."""


@dataclass
class _Entry:
    tag: int
    item: Any
    deaths: int = 0


@dataclass
class _WorkerState:
    """Whether a worker has loaded its task, and the items that it was sent."""

    ready: bool = False
    entries: dict[int, _Entry] = field(default_factory=dict)


def dispatch(group: WorkerGroup, items: Iterable[Any]) -> Iterator[Any]:
    """Results of every item, in the order in which they come.

    Nothing is started without an item. A worker that dies is replaced: the item it was at is tried again, at most
    `ATTEMPTS` times; those that waited behind it are not to blame and are simply given to others.

    Raises:
        OvwError: the task cannot be loaded, or workers die while they load it.
    """
    source = _Source(items)
    if not source:
        return
    states = {worker: _WorkerState() for worker in range(group.size)}
    failed_loads = 0
    try:
        for worker in states:
            group.start(worker)
        while source or any(state.entries for state in states.values()):
            event = group.wait()
            state = states[event.worker]
            if isinstance(event, Ready):
                state.ready, failed_loads = True, 0
            elif isinstance(event, Result):
                if state.entries.pop(event.tag, None) is not None:
                    yield event.value
            else:
                failed_loads += not state.ready
                if failed_loads >= ATTEMPTS:
                    raise OvwError(f"workers die while they load the model: {event.reason}", "try fewer workers")
                yield from _take_back(state, source, event.reason)
                states[event.worker] = _WorkerState()
                group.start(event.worker)
            _hand_out(group, states, source)
    finally:
        group.close()


class _Source:
    """Items still to be given out: those to be tried again first."""

    def __init__(self, items: Iterable[Any]) -> None:
        self._items = iter(items)
        self._waiting: deque[_Entry] = deque()
        self._count = 0

    def __bool__(self) -> bool:
        if not self._waiting:
            for item in self._items:
                self._waiting.append(_Entry(self._count, item))
                self._count += 1
                break
        return bool(self._waiting)

    def take(self) -> _Entry:
        return self._waiting.popleft()

    def put_back(self, entries: Iterable[_Entry]) -> None:
        self._waiting.extendleft(reversed(list(entries)))


def _hand_out(group: WorkerGroup, states: dict[int, _WorkerState], source: _Source) -> None:
    for depth in range(AHEAD):
        for worker, state in states.items():
            if state.ready and len(state.entries) <= depth and source:
                entry = source.take()
                state.entries[entry.tag] = entry
                group.send(worker, entry.tag, entry.item)


def _take_back(state: _WorkerState, source: _Source, reason: str) -> Iterator[Lost]:
    entries = list(state.entries.values())
    if entries:
        entries[0].deaths += 1
        if entries[0].deaths >= ATTEMPTS:
            yield Lost(entries[0].item, f"{ATTEMPTS} workers died at it: {reason}")
            entries = entries[1:]
    source.put_back(entries)
