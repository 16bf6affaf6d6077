"""Workers as Ray actors: on this machine, or on every machine of a cluster."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ovw.errors import OvwError, reason
from ovw.extras import require_extra
from ovw.scale.dispatch import Died, Ready, Result, dispatch
from ovw.scale.task import Task, attempt

LOCAL = "local"
CONNECT_TIMEOUT_S = 5
HINT = "--ray local starts one here"


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
        """As `ovw.scale.task.Pool.run`."""
        return dispatch(_ActorGroup(self._workers, task, self._address, self._threads), items)


class Worker:
    """The class of the actors. Methods of one actor run one after the other."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._work: Callable[[Any], Any] | None = None

    def ready(self) -> OvwError | None:
        """Load the task; what stands in the way is handed back, since Ray would wrap it beyond recognition."""
        try:
            self._work = self._task.load()
        except OvwError as error:
            return error
        return None

    def do(self, item: Any) -> Any:
        """Work on one item."""
        assert self._work is not None  # nothing is sent before it is ready
        return attempt(self._work, item)


class _ActorGroup:
    def __init__(self, size: int, task: Task, address: str, threads: int) -> None:
        self.size = size
        self._quiet = contextlib.ExitStack()
        self._quiet.enter_context(contextlib.redirect_stdout(sys.stderr))  # where Ray reports workers that died
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
        except self._ray.exceptions.RayError as error:
            self._pending = {ref: entry for ref, entry in self._pending.items() if entry[0] != worker}
            return Died(worker, reason(error))
        if tag is not None:
            return Result(worker, tag, value)
        if value is not None:
            raise value
        return Ready(worker)

    def close(self) -> None:
        for worker in self._workers.values():
            self._ray.kill(worker)
        self._ray.shutdown()
        self._quiet.close()


def _connect(address: str, cpus: int) -> Any:
    require_extra("ray")
    import ray

    _check_reachable(address)
    options = {"logging_level": "ERROR", "log_to_driver": False, "ignore_reinit_error": True}
    try:
        if address == LOCAL:
            # more actors than cores is the user's choice, which Ray would wait for ever to grant
            ray.init(address="local", num_cpus=max(cpus, os.cpu_count() or 1), include_dashboard=False, **options)
        else:
            ray.init(address=address, **options)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise OvwError(f"no Ray at {address}: {reason(error)}", HINT) from None
    return ray


def _check_reachable(address: str) -> None:
    """Require within seconds that something answers at `host:port`; Ray would try for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host:
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_TIMEOUT_S).close()
    except (OSError, ValueError) as error:
        raise OvwError(f"no Ray at {address}: {reason(error)}", HINT) from None
