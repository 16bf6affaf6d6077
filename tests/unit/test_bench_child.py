"""The processes of a benchmark: how each ends, and the memory it takes."""

import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest

from ovw.benchmark.outcome import Outcome
from ovw.benchmark.results.result import add_memory
from ovw.benchmark.scheduling.subprocesses import run_child
from ovw.record import Case, has_failed


def child(tmp_path: Path, body: str, timeout: float = 60, **options: object) -> Outcome:
    """A process with `job` and `emit` at hand."""
    script = tmp_path / "child.py"
    head = "import json, os, signal, sys, time\njob = json.load(sys.stdin)\nout = open(sys.argv[1], 'a', buffering=1)\n"
    head += "def emit(**result): out.write(json.dumps(result) + '\\n')\n"
    script.write_text(head + textwrap.dedent(body))
    return run_child([sys.executable, str(script)], {"n": 3}, timeout, **options)


STAGE = "emit(stage='encoder', unit='ms', samples=[job['n']])\n"


@pytest.mark.parametrize(
    ("body", "ending", "reason"),
    [
        ("emit(done=True)", "done", ""),
        ("emit(error='no such file', hint='convert again'); sys.exit(1)", "failed", "no such file (convert again)"),
        ("print('what it said', file=sys.stderr); sys.exit(3)", "failed", "what it said"),
        ("pass", "failed", "it ended without a result"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "crashed", "SIGSEGV"),
        ("emit(error='RuntimeError: std::bad_alloc'); sys.exit(1)", "out of memory", "std::bad_alloc"),
        ("raise MemoryError", "out of memory", "MemoryError"),
        ("emit(missing='faster_whisper'); sys.exit(1)", "missing", "faster_whisper"),
        ('out.write(\'{"stage": "pre\'); os._exit(9)', "failed", "no message"),
    ],
)
def test_how_a_process_ends(tmp_path: Path, body: str, ending: str, reason: str) -> None:
    found = child(tmp_path, STAGE + body)
    assert found.ending == ending
    assert reason in found.reason
    assert found.results[0] == {"stage": "encoder", "unit": "ms", "samples": [3]}


@pytest.mark.parametrize("watch", [False, True])
def test_a_hang_is_ended_with_what_it_started(tmp_path: Path, watch: bool) -> None:
    body = "import subprocess\nhelper = subprocess.Popen(['sleep', '600'])\nemit(facts={'pid': helper.pid})\ntime.sleep(600)"
    found = child(tmp_path, STAGE + body, timeout=2, watch_memory=watch)
    assert (found.ending, found.reason) == ("hang", "no result for 2 s")
    assert found.results[0]["samples"] == [3]
    for _ in range(600):
        if is_gone(found.describe()["pid"]):
            return
        time.sleep(0.05)
    pytest.fail("what it started is still there")


@pytest.mark.parametrize("watch", [False, True])
def test_slow_but_alive(tmp_path: Path, watch: bool) -> None:
    body = "for n in range(8):\n    time.sleep(0.5)\n    emit(alive=n)\nemit(done=True)"
    found = child(tmp_path, body, timeout=2.5, watch_memory=watch)
    assert found.ending == "done", found.reason


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_memory_over_time(tmp_path: Path) -> None:
    found = child(tmp_path, "block = b'x' * 200_000_000\ntime.sleep(0.3)\nemit(done=True)", watch_memory=True)
    assert max(found.rss_mb) > 200
    case = add_memory(Case(name="c"), found, weights_mb=50.0)
    assert case.metrics["peak_rss"].value == max(found.rss_mb)
    assert case.metrics["weights_share"].value == pytest.approx(100 * 50 / max(found.rss_mb), abs=0.1)
    failed = add_memory(Case(name="c"), Outcome("crashed", "SIGKILL", [], 1.0, 0.0), None)
    assert has_failed(failed)
    assert not failed.metrics
