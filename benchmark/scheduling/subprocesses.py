"""Child processes: what one measured, or why it came to nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from ovw.benchmark.measuring.noise import NoiseMeter
from ovw.benchmark.measuring.pace import measure_pace
from ovw.benchmark.outcome import Ending, Outcome
from ovw.cgroups import throttled_seconds
from ovw.scratch import scratch_folder

SAMPLE_S = 0.02
"""Between two looks at a process's memory."""
OUT_OF_MEMORY = ("bad_alloc", "MemoryError", "not enough memory", "Unable to allocate", "out of memory")


def run_child(command: Sequence[str], job: Mapping[str, Any], timeout: float, *, watch_memory: bool = False) -> Outcome:
    """Run a process that takes a job on stdin and writes lines of JSON into the file that is its last argument.

    Args:
        command: without that file.
        job: passed as JSON.
        timeout: seconds without a result after which it is killed.
        watch_memory: look at its memory all the time, which costs it some speed.
    """
    with scratch_folder() as folder:
        results = folder / "results.jsonl"
        results.touch()
        pace = measure_pace()
        killed_before, throttled_before, noise = _oom_kills(), throttled_seconds(), NoiseMeter()
        started = time.perf_counter()
        with (folder / "output").open("w+b") as printed:
            process = subprocess.Popen(
                [*command, str(results)], stdin=subprocess.PIPE, stdout=printed, stderr=printed,
                start_new_session=True, env=os.environ | {"OVW_PARENT": str(os.getpid())},
            )  # fmt: skip
            try:
                rss = _attend(process, json.dumps(job).encode(), Patience(results, timeout), watch_memory)
                hung = False
            except subprocess.TimeoutExpired:
                hung, rss = True, []
            finally:
                _end(process)
            seconds, others = time.perf_counter() - started, noise.others()
            throttled = (throttled_seconds() - throttled_before) / seconds
            pace = pace.slower_of(measure_pace())
            printed.seek(0)
            output = printed.read().decode("utf-8", "replace")
        found = _read(results)
        ending, reason = _judge(process.returncode, found, output, _oom_kills() > killed_before)
        if hung:
            ending, reason = "hang", f"no result for {timeout:.0f} s"
        return Outcome(ending, reason, found, seconds, others, rss, round(throttled, 3), pace)


def worker_command() -> list[str]:
    """The process that times graphs and measures peaks."""
    return [sys.executable, "-m", "ovw.benchmark.measuring.worker"]


class Patience:
    """The time left to wait: every result starts the wait again.

    Args:
        results: the file that grows.
        timeout: seconds.
    """

    def __init__(self, results: Path, timeout: float) -> None:
        self._results, self._timeout = results, timeout

    def left(self) -> float:
        """Seconds until it is at an end; 0 when it is."""
        return max(0.0, self._results.stat().st_mtime + self._timeout - time.time())


def _attend(process: subprocess.Popen[bytes], job: bytes, patience: Patience, watch_memory: bool) -> list[float]:
    """Hand over the job and wait for the end, without using the processor meanwhile."""
    if watch_memory:
        return _watch(process, job, patience)
    pending: bytes | None = job
    while True:
        try:
            process.communicate(pending, timeout=patience.left())
            return []
        except subprocess.TimeoutExpired:
            if not patience.left():
                raise
            pending = None  # it goes on by itself


def _watch(process: subprocess.Popen[bytes], job: bytes, patience: Patience) -> list[float]:
    """As `_attend`, with its memory sampled meanwhile."""
    assert process.stdin is not None
    seen, rss = psutil.Process(process.pid), []
    with suppress(BrokenPipeError):  # it has ended; how is found out later
        process.stdin.write(job)
        process.stdin.close()
    while process.poll() is None:
        if not patience.left():
            raise subprocess.TimeoutExpired(process.args, 0)
        with suppress(psutil.Error):
            rss.append(round(seen.memory_info().rss / 1e6, 1))
        time.sleep(SAMPLE_S)
    return rss


def _end(process: subprocess.Popen[bytes]) -> None:
    """See that nothing of it is left."""
    if process.poll() is None:
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
        process.wait()


def _read(path: Path) -> list[dict[str, Any]]:
    """Whole lines; a crash may have cut the last one."""
    found = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            break
    return found


def _judge(code: int, results: Sequence[Mapping[str, Any]], output: str, oom: bool) -> tuple[Ending, str]:
    """Kind and reason of the end, from the last result, the exit code and the output."""
    last = results[-1] if results else {}
    if code == 0 and "done" in last:
        return "done", ""
    if "missing" in last:
        return "missing", str(last["missing"])
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    reason = str(last.get("error") or (lines[-1] if lines else "")) or "no message"
    if hint := last.get("hint"):
        reason += f" ({hint})"
    if oom or any(sign in reason or sign in output for sign in OUT_OF_MEMORY):
        return "out of memory", reason if "error" in last or code > 0 else f"killed by the system, {_signal(code)}"
    if code < 0:
        return "crashed", f"{_signal(code)}" + (f": {lines[-1]}" if lines else "")
    return "failed", reason if code else f"it ended without a result: {reason}"


def _signal(code: int) -> str:
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"exit code {code}"


def _oom_kills() -> int:
    """Processes that the kernel has killed for their memory since it started; 0 where it does not report them."""
    try:
        text = Path("/proc/vmstat").read_text(encoding="ascii")
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("oom_kill "))
