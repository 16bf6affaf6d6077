"""Work that is handed out: each item once, whoever dies."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ovw.errors import OvwError
from ovw.scale.dispatch import AHEAD, Died, Ready, Result, dispatch
from ovw.scale.pools import pool_for, threads_of
from ovw.scale.processes import Processes, _ProcessGroup
from ovw.scale.ray_pool import Worker
from ovw.scale.task import InProcessPool, Lost


class FakeGroup:
    """Workers that double a number, and die as they are told: `deaths` holds items that kill, and how often."""

    def __init__(self, size: int, deaths: dict[int, int] | None = None, failed_loads: int = 0) -> None:
        self.size, self.deaths, self.failed_loads = size, deaths or {}, failed_loads
        self.events: deque[Any] = deque()
        self.queues: dict[int, deque[tuple[int, int]]] = {}
        self.most = self.starts = 0
        self.closed = False

    def start(self, worker: int) -> None:
        self.starts += 1
        self.queues[worker] = deque()
        if self.failed_loads:
            self.failed_loads -= 1
            self.events.append(Died(worker, "no memory"))
        else:
            self.events.append(Ready(worker))

    def send(self, worker: int, tag: int, item: int) -> None:
        self.queues[worker].append((tag, item))
        self.most = max(self.most, len(self.queues[worker]))

    def wait(self) -> Ready | Result | Died:
        if self.events:
            return self.events.popleft()
        worker = next(w for w in sorted(self.queues, key=lambda w: -w) if self.queues[w])
        tag, item = self.queues[worker].popleft()
        if self.deaths.get(item, 0):
            self.deaths[item] -= 1
            return Died(worker, "signal SIGKILL")
        return Result(worker, tag, 2 * item)

    def close(self) -> None:
        self.closed = True


def numbers(outcomes: list[Any]) -> list[int]:
    return sorted(o for o in outcomes if not isinstance(o, Lost))


@pytest.mark.parametrize("size", [1, 2, 5])
def test_every_item_once(size: int) -> None:
    group = FakeGroup(size, {3: 1, 7: 2, 8: 1})
    assert numbers(list(dispatch(group, range(20)))) == [2 * n for n in range(20)]
    assert group.starts == size + 4
    assert group.closed


@pytest.mark.parametrize("size", [1, 3])
def test_an_item_that_kills_is_lost_alone(size: int) -> None:
    outcomes = list(dispatch(FakeGroup(size, {4: 99}), range(10)))
    assert numbers(outcomes) == [2 * n for n in range(10) if n != 4]
    (lost,) = [o for o in outcomes if isinstance(o, Lost)]
    assert lost.item == 4
    assert "3 workers died at it: signal SIGKILL" in lost.reason


def test_items_are_taken_as_they_are_worked_off() -> None:
    taken: list[int] = []

    def source() -> Any:
        for n in range(100):
            taken.append(n)
            yield n

    group = FakeGroup(2)
    results = dispatch(group, source())
    for done, _ in enumerate(results, 1):
        assert len(taken) <= done + 2 * AHEAD + 1
    assert group.most == AHEAD


def test_nothing_to_do_starts_nobody() -> None:
    group = FakeGroup(2)
    assert list(dispatch(group, [])) == []
    assert group.starts == 0


def test_workers_that_die_while_loading() -> None:
    assert numbers(list(dispatch(FakeGroup(2, failed_loads=2), range(3)))) == [0, 2, 4]
    group = FakeGroup(1, failed_loads=99)
    with pytest.raises(OvwError, match="die while they load the model: no memory"):
        list(dispatch(group, range(3)))
    assert group.closed


def test_stopping_early_closes_the_group() -> None:
    group = FakeGroup(2)
    results = dispatch(group, range(10))
    next(results)
    results.close()  # type: ignore[attr-defined]
    assert group.closed


@dataclass(frozen=True)
class Square:
    """Squares numbers; `fatal` kills its process as often as there are no marks in `folder`."""

    folder: Path
    fatal: int = -1
    times: int = 0

    def load(self) -> Callable[[int], tuple[int, int]]:
        return self.work

    def work(self, item: int) -> tuple[int, int]:
        marks = list(self.folder.glob("*"))
        if item == self.fatal and len(marks) < self.times:
            (self.folder / str(len(marks))).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.01)
        return item * item, os.getpid()


RAY = """
    import sys
    from pathlib import Path
    sys.path.insert(0, {tests!r})
    from test_dispatch import Square
    from ovw.scale.ray_pool import RayPool

    pool = RayPool(2, "local", 1)
    print(sorted(square for square, _ in pool.run(Square(Path({folder!r}), fatal=5, times=1), range(12))))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_ray_survives_a_kill(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    (tmp_path / "marks").mkdir()
    code = textwrap.dedent(RAY.format(tests=str(Path(__file__).parent), folder=str(tmp_path / "marks")))
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == str([n * n for n in range(12)])
    assert len(list((tmp_path / "marks").iterdir())) == 1


class Broken:
    def load(self) -> Any:
        raise OvwError("no such model", "convert one")


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_processes_survive_a_kill(tmp_path: Path) -> None:
    outcomes = list(Processes(2).run(Square(tmp_path, fatal=5, times=2), range(30)))
    assert sorted(square for square, _ in outcomes) == [n * n for n in range(30)]
    assert len({pid for _, pid in outcomes}) >= 2
    assert os.getpid() not in {pid for _, pid in outcomes}


def test_a_task_that_cannot_be_loaded() -> None:
    with pytest.raises(OvwError, match="no such model") as caught:
        list(Processes(2).run(Broken(), range(3)))
    assert caught.value.hint == "convert one"
    assert getattr(Worker(Broken()).ready(), "hint", None) == "convert one"
    with pytest.raises(OvwError, match="no such model"):
        list(InProcessPool().run(Broken(), range(3)))
    assert list(InProcessPool().run(Broken(), [])) == []


class Returns:
    """Gives each item back."""

    def load(self) -> Callable[[bytes], bytes]:
        return lambda item: item


LARGE = """
    from test_dispatch import Returns
    from ovw.scale.processes import Processes

    items = (bytes(4 << 20) for _ in range(6))
    print([len(result) >> 20 for result in Processes(2).run(Returns(), items)])
"""


def test_large_items_and_large_results() -> None:
    """Both larger than a pipe holds: neither end may wait for the other to read first."""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    command = [sys.executable, "-c", textwrap.dedent(LARGE)]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == str([4] * 6)


class Stumbles:
    def load(self) -> Callable[[int], float]:
        return lambda item: 1 / item


@pytest.mark.parametrize("pool", [InProcessPool(), Processes(2)])
def test_an_error_nobody_foresaw_costs_one_item(pool: Any) -> None:
    outcomes = list(pool.run(Stumbles(), [1, 0, 1]))
    assert sorted(map(str, outcomes)) == sorted(
        ["1.0", "1.0", "Lost(item=0, reason='unexpected ZeroDivisionError: division by zero')"]
    )


def test_who_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(pool_for(1, None, 0), InProcessPool)
    assert isinstance(pool_for(2, None, 1), Processes)
    monkeypatch.setattr("ovw.scale.pools.usable_cores", lambda: 8)
    assert [threads_of(n, 0) for n in (1, 2, 3, 16)] == [0, 4, 2, 1]
    assert threads_of(4, 3) == 3


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no such file system")
def test_ctrl_c_does_not_reach_workers() -> None:
    """Not while they import either, before they can ignore it."""
    group = _ProcessGroup(1, Returns())
    group.start(0)
    status = Path(f"/proc/{group._workers[0].process.pid}/status").read_text()
    group.close()
    (blocked,) = [int(line.split()[1], 16) for line in status.splitlines() if line.startswith("SigBlk")]
    assert blocked & 1 << (signal.SIGINT - 1)
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
