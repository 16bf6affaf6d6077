"""Verbs that the page offers: the command line hands them in, so that the page imports none of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Queue
from typing import Generic, TypeVar

Result = TypeVar("Result")
OnStep = Callable[[str], None]


@dataclass(frozen=True)
class VerbActions:
    """Conversion and measuring.

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


def stepwise(run: Callable[[OnStep], Result]) -> Iterator[WorkStep[Result]]:
    """Run something in a thread of its own, yielding its steps as they begin and then its result.

    Raises:
        Exception: what it raises.
    """
    steps: Queue[str | None] = Queue()
    outcome: list[Result] = []
    failure: list[BaseException] = []

    def work() -> None:
        try:
            outcome.append(run(steps.put))
        except BaseException as error:
            failure.append(error)
        finally:
            steps.put(None)

    threading.Thread(target=work, daemon=True, name="ovw-ui-work").start()
    while (text := steps.get()) is not None:
        yield WorkStep(text)
    if failure:
        raise failure[0]
    yield WorkStep("done", outcome[0])
