"""Workers as Ray actors: on this machine, or on every machine of a cluster."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Any

from ovw.errors import OvwError
from ovw.scale.dispatch import Died, Ready, Result, dispatch
from ovw.scale.work import Task

LOCAL = "local"


class RayPool:
    """Ray actors, each with the task loaded once. Results come back to this process, which alone writes them.

    Args:
        workers: how many actors.
        address: `local` starts Ray here, `auto` joins the cluster this machine belongs to, or `host:port`.
        threads: cores that each actor reserves.

    Raises:
        OvwError: Ray is not installed or does not answer.
    """

    def __init__(self, workers: int, address: str = LOCAL, threads: int = 1) -> None:
        self._workers, self._address, self._threads = workers, address, threads

    def run(self, task: Task, items: Iterable[Any]) -> Iterator[Any]:
        """As `ovw.scale.work.Pool.run`."""
        return dispatch(_RayCrew(self._workers, task, self._address, self._threads), items)


class Worker:
    """What an actor is. Its methods run one after the other."""

    def __init__(self, task: Task) -> None:
        self._work = task.load()

    def ready(self) -> None:
        """Answers once the task is loaded."""

    def do(self, item: Any) -> Any:
        """Work on one item."""
        return self._work(item)


class _RayCrew:
    def __init__(self, size: int, task: Task, address: str, threads: int) -> None:
        self.size = size
        self._ray = _connect(address, size * threads)
        self._actor = self._ray.remote(num_cpus=threads)(Worker)
        self._task = self._ray.put(task)
        self._workers: dict[int, Any] = {}
        self._pending: dict[Any, tuple[int, int | None]] = {}

    def start(self, worker: int) -> None:
        self._workers[worker] = self._actor.remote(self._task)
        self._pending[self._workers[worker].ready.remote()] = worker, None

    def send(self, worker: int, tag: int, item: Any) -> None:
        self._pending[self._workers[worker].do.remote(item)] = worker, tag

    def wait(self) -> Ready | Result | Died:
        (reference,), _ = self._ray.wait(list(self._pending), num_returns=1)
        worker, tag = self._pending.pop(reference)
        try:
            value = self._ray.get(reference)
        except self._ray.exceptions.RayTaskError as error:
            raise _cause(error) from None
        except self._ray.exceptions.RayActorError as error:
            if isinstance(cause := _cause(error), OvwError):
                raise cause from None
            self._pending = {ref: entry for ref, entry in self._pending.items() if entry[0] != worker}
            return Died(worker, str(error).strip().splitlines()[0])
        return Ready(worker) if tag is None else Result(worker, tag, value)

    def close(self) -> None:
        for worker in self._workers.values():
            self._ray.kill(worker)
        self._ray.shutdown()


def _connect(address: str, cpus: int) -> Any:
    try:
        import ray
    except ImportError:
        raise OvwError("--ray needs Ray", "pip install 'ovw[ray]'") from None
    quiet = {"logging_level": "ERROR", "log_to_driver": False, "ignore_reinit_error": True}
    try:
        if address == LOCAL:
            # more actors than cores is the user's choice, which Ray would wait for ever to grant
            ray.init(address="local", num_cpus=max(cpus, os.cpu_count() or 1), include_dashboard=False, **quiet)
        else:
            ray.init(address=address, **quiet)
    except (ConnectionError, RuntimeError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise OvwError(f"no Ray at {address}: {reason}", "--ray local starts one here") from None
    return ray


def _cause(error: Exception) -> BaseException:
    """What went wrong in the actor, out of Ray's wrapping."""
    cause = getattr(error, "cause", None) or error.__cause__
    return cause if isinstance(cause, OvwError) else error
