"""Workers as processes of this machine, with nothing but the standard library."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from queue import Queue
from threading import Thread
from typing import Any

from ovw.errors import OvwError
from ovw.lifetime import end_with_parent, was_interrupted, without_interrupts
from ovw.memory import share_heaps
from ovw.scale.dispatch import AHEAD, Died, Ready, Result, dispatch
from ovw.scale.task import Task, attempt

GRACE_S = 0.5
"""Seconds that idle workers get to end by themselves; what they have done is on disk or has come back by then."""


class Processes:
    """Several processes, each with the task loaded once.

    Args:
        workers: how many.
    """

    def __init__(self, workers: int) -> None:
        self._workers = workers

    def run(self, task: Task, items: Iterable[Any]) -> Iterator[Any]:
        """As `ovw.scale.task.Pool.run`."""
        return dispatch(_ProcessGroup(self._workers, task), items)


@dataclass(frozen=True)
class _Worker:
    process: SpawnProcess
    pipe: Connection


class _ProcessGroup:
    def __init__(self, size: int, task: Task) -> None:
        self.size = size
        self._task = pickle.dumps(task)
        self._context = multiprocessing.get_context("spawn")  # a fork would share OpenVINO's threads
        self._workers: dict[int, _Worker] = {}

    def start(self, worker: int) -> None:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=_serve, args=(theirs, os.getpid(), self._task), daemon=True)
        if sys.platform != "win32":
            resource_tracker.ensure_running()  # the first start would let Ctrl-C through
        with without_interrupts():  # it would end the imports in a traceback
            process.start()
        theirs.close()
        self._workers[worker] = _Worker(process, ours)

    def send(self, worker: int, tag: int, item: Any) -> None:
        with contextlib.suppress(OSError):  # it is dead, which `wait` will report
            self._workers[worker].pipe.send((tag, item))

    def wait(self) -> Ready | Result | Died:
        pipes = {entry.pipe: number for number, entry in self._workers.items()}
        pipe = next(p for p in wait(list(pipes)) if isinstance(p, Connection))
        number = pipes[pipe]
        try:
            kind, tag, value = pipe.recv()
        except (EOFError, OSError):
            return Died(number, self._reap(number))
        if kind == "failed":
            raise value
        return Ready(number) if kind == "ready" else Result(number, tag, value)

    def close(self) -> None:
        for entry in self._workers.values():
            entry.pipe.close()
        deadline = time.monotonic() + (0 if was_interrupted() else GRACE_S)
        for entry in self._workers.values():
            entry.process.join(max(0.0, deadline - time.monotonic()))
            if entry.process.is_alive():
                entry.process.kill()
                entry.process.join()

    def _reap(self, number: int) -> str:
        entry = self._workers.pop(number)
        entry.pipe.close()
        entry.process.join()
        code = entry.process.exitcode or 0
        return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def _serve(pipe: Connection, parent: int, pickled: bytes) -> None:
    """A worker's life: load, then item after item until the other end is closed.

    The task comes as bytes: what it imports takes seconds, in which the parent may end.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent is interrupted, and kills this process
    end_with_parent(parent)
    share_heaps()
    task: Task = pickle.loads(pickled)  # noqa: S301, of the parent
    work: Callable[[Any], Any] | None = None
    greeting: tuple[str, int, OvwError | None] = ("ready", 0, None)
    try:
        work = task.load()
    except OvwError as error:
        greeting = ("failed", 0, error)
    with contextlib.suppress(EOFError, OSError):  # the other end is closed
        pipe.send(greeting)
        if work:
            for message in _received(pipe):
                tag, item = pickle.loads(message)  # noqa: S301, of the parent
                pipe.send(("result", tag, attempt(work, item)))


def _received(pipe: Connection) -> Iterator[bytes]:
    """Messages until the other end is closed, each taken off the pipe as it comes.

    Without that, a parent that sends a large item would wait for a worker that sends a large result, for ever.
    """
    messages: Queue[bytes | None] = Queue(AHEAD)

    def receive() -> None:
        with contextlib.suppress(EOFError, OSError):
            while True:
                messages.put(pipe.recv_bytes())
        messages.put(None)

    Thread(target=receive, daemon=True).start()
    while (message := messages.get()) is not None:
        yield message
