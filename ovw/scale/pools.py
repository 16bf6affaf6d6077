"""Who does the work: this process, several, or Ray."""

from __future__ import annotations

from ovw.cgroups import usable_cores
from ovw.scale.task import InProcessPool, Pool


def pool_for(workers: int, ray: str | None, threads: int) -> Pool:
    """The pool that is asked for; its packages are imported only then.

    Args:
        workers: how many.
        ray: a Ray address; `None` for processes of this machine.
        threads: of each worker.
    """
    if ray is not None:
        from ovw.scale.ray_pool import RayPool

        return RayPool(workers, ray, threads)
    if workers > 1:
        from ovw.scale.processes import Processes

        return Processes(workers)
    return InProcessPool()


def threads_of(workers: int, threads: int) -> int:
    """Threads of each worker: as asked for, else this machine's cores shared out; 0 lets one worker have them all."""
    return threads or (0 if workers == 1 else max(1, usable_cores() // workers))
