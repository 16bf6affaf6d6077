"""Verbs that the page offers, each run in a process of its own, so that it can be stopped at any moment.

The command line hands the verbs in: the page imports none of them.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess, parent_process
from pathlib import Path
from queue import Queue
from typing import Generic, TypeVar

from ovw.errors import OvwError
from ovw.lifetime import end_at_once, end_on_signals, exit_code
from ovw.memory import share_heaps

Result = TypeVar("Result")
OnStep = Callable[[str], None]
Run = Callable[[OnStep], Result]
SPAWN = multiprocessing.get_context("spawn")
POLL_S = 0.1
"""Between two looks at the switch that stops the work."""
PATIENCE_S = 10.0
"""For a process to end; then it is killed."""


@dataclass(frozen=True)
class VerbActions:
    """Conversion and measuring, as functions of a module: another process imports them.

    Attributes:
        convert: size, precision and a callback for steps -> the figures of the artifact, as rows.
        bench: names of artifacts, seconds and a callback for steps -> the page of the record.
    """

    convert: Callable[[str, str, OnStep], list[dict[str, str]]]
    bench: Callable[[Sequence[str], float, OnStep], Path]


@dataclass(frozen=True)
class WorkStep(Generic[Result]):
    """A step of some work, or with its last one the result.

    Attributes:
        text: of the step.
        result: at the end.
    """

    text: str
    result: Result | None = None


Event = WorkStep[Result] | OvwError | None
"""A message of the work: a step, its failure, or its end."""


def stepwise(run: Run[Result], stopped: threading.Event) -> Iterator[WorkStep[Result]]:
    """Run something in a process of its own, yielding its steps as they begin and then its result.

    Args:
        run: a function of a module, or a `functools.partial` of one.
        stopped: ends the process, whatever it is doing; no result is yielded then.

    Raises:
        OvwError: that it raises, or its process ended without a result.
    """
    receiver, sender = SPAWN.Pipe(duplex=False)
    process = SPAWN.Process(target=_work, args=(run, sender), daemon=True, name="ovw-ui-work")
    process.start()
    sender.close()  # the process has the only other one: `recv` notices when it ends
    events: Queue[Event[Result]] = Queue()
    threading.Thread(target=_attend, args=(process, receiver, stopped, events.put), daemon=True).start()
    while (event := events.get()) is not None:
        if isinstance(event, OvwError):
            raise event
        yield event


def _attend(
    process: BaseProcess, receiver: Connection, stopped: threading.Event, put: Callable[[Event[Result]], None]
) -> None:
    """Pass on what a process sends until it ends, and end it when the work is stopped.

    In a thread of its own: whoever iterates over `stepwise` may have gone.
    """
    try:
        while not stopped.is_set():
            if receiver.poll(POLL_S):
                put(receiver.recv())
    except EOFError:
        process.join(PATIENCE_S)
        if process.exitcode and not stopped.is_set():
            seen = f"the work ended without a result, with exit code {process.exitcode}"
            put(OvwError(seen, "the terminal of ovw ui may show more; -9 is often a lack of memory"))
    finally:
        _end(process)
        receiver.close()
        put(None)


def _end(process: BaseProcess) -> None:
    """Have a process end and clean up, or kill it."""
    process.terminate()
    process.join(PATIENCE_S)
    process.kill()
    process.join()


def _work(run: Run[Result], sender: Connection) -> None:
    """The process: do the work, send its steps and its result or failure."""
    try:
        end_on_signals()  # in here: a signal may come before it returns
        share_heaps()
        threading.Thread(target=_end_with_page, daemon=True).start()
        sender.send(WorkStep("done", run(lambda text: sender.send(WorkStep(text)))))
    except OvwError as error:
        sender.send(error)
    except KeyboardInterrupt:
        end_at_once(exit_code())
    end_at_once(0)


def _end_with_page() -> None:
    """End, cleanly, when the process that serves the page does, however that ends."""
    page = parent_process()
    assert page
    page.join()
    os.kill(os.getpid(), signal.SIGTERM)
