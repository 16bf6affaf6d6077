"""Kill verbs at random moments, and look at what is left: `make faults RUNS=20`.

    PYTHONPATH=tests python -m fuzz.fault_runs --runs 20 [--verbs eval bench] [--out fault-findings.json]

Every run starts a verb, sends it SIGKILL or SIGTERM, and checks what survived; then the verb runs again, undisturbed.
Right is: SIGTERM ends it within two seconds with code 143, its children go with it, what survived is whole, the second
run ends as one that was never disturbed, and nothing temporary is left behind it.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil

from fuzz.verbs_to_kill import VERBS, Verb, make_materials

MARK = "OVW_FAULT_RUN"
"""In the environment of everything that a run starts."""
END_S = 2.0
"""From SIGTERM to the end."""
CHILDREN_S = 2.0
"""In which children go, too."""
STUCK_S = 300.0
TEMPORARY = ("*.lock", ".lock", ".ovw-*", "*.partial-*", "*.part", "*.ovw-old", "*.new", ".wide-*", ".scratch-*")
OWN_GRACE = 0.25
"""Of a busy machine, added to the two seconds."""


class Fault(Exception):  # noqa: N818
    """Something is not as it should be after a signal."""


class Run:
    """A folder with everything that one run of a verb touches."""

    def __init__(self, verb: Verb, materials: Path) -> None:
        self.verb, self.mark = verb, uuid4().hex
        self.folder = Path(tempfile.mkdtemp(prefix="ovw-fault-run-"))
        (self.folder / "tmp").mkdir()
        (self.folder / "materials").symlink_to(materials)
        shutil.copytree(materials / "inputs", self.folder / "inputs", symlinks=True)
        own = {"OVW_HOME": self.folder / "home", "TMPDIR": self.folder / "tmp", "TERM": "dumb", MARK: self.mark}
        self.env = os.environ | {name: str(value) for name, value in own.items()}
        self.code, self.errors = 0, ""

    def start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "ovw", *map(str, self.verb.arguments)]
        with (self.folder / "errors").open("wb") as errors:
            return subprocess.Popen(
                command, cwd=self.folder, env=self.env, stdout=subprocess.DEVNULL, stderr=errors, start_new_session=True
            )

    def wait(self, process: subprocess.Popen[bytes], seconds: float) -> None:
        """Raises: `Fault` where it does not end."""
        try:
            self.code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            for other in self.processes():
                other.kill()
            raise Fault(f"did not end within {seconds} s") from None
        finally:
            self.errors = (self.folder / "errors").read_text(encoding="utf-8", errors="replace")
        if "Traceback" in self.errors:
            raise Fault("a traceback")

    def processes(self) -> list[psutil.Process]:
        """All that carry this run's mark, but those that only wait for their parent to ask."""
        found = []
        for process in psutil.process_iter(["pid"]):
            try:
                if process.environ().get(MARK) == self.mark and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except psutil.Error:
                continue
        return found

    def require_silence(self) -> None:
        """Raises: `Fault` where a process outlives the verb."""
        end = time.monotonic() + CHILDREN_S
        while left := self.processes():
            if time.monotonic() > end:
                commands = [process.cmdline()[:6] for process in left]
                for process in left:
                    process.kill()
                raise Fault(f"processes are left: {commands}")
            time.sleep(0.05)

    def require_tidiness(self) -> None:
        """Raises: `Fault` where something temporary is left."""
        left = {path for form in TEMPORARY for path in self.folder.rglob(form)} | set((self.folder / "tmp").iterdir())
        if left:
            raise Fault(f"left behind: {sorted(str(path.relative_to(self.folder)) for path in left)}")


@contextmanager
def _running(verb: Verb, materials: Path) -> Iterator[Run]:
    run = Run(verb, materials)
    try:
        yield run
    finally:
        for process in run.processes():
            process.kill()
        shutil.rmtree(run.folder, ignore_errors=True)


def _undisturbed(verb: Verb, materials: Path) -> tuple[float, Any]:
    """Seconds that a verb takes, and its result."""
    with _running(verb, materials) as run:
        began = time.monotonic()
        run.wait(run.start(), STUCK_S)
        took = time.monotonic() - began
        assert run.code == 0, run.errors
        run.require_silence()
        run.require_tidiness()
        return took, verb.result(run.folder)


def _disturbed(verb: Verb, materials: Path, number: signal.Signals, after: float, expected: Any) -> dict[str, Any]:
    """One run with a signal, and the one after it."""
    row: dict[str, Any] = {"verb": verb.name, "signal": number.name, "after_s": round(after, 2)}
    with _running(verb, materials) as run:
        try:
            process = run.start()
            time.sleep(after)
            ended = process.poll() is not None
            process.send_signal(number)
            sent = time.monotonic()
            run.wait(process, STUCK_S)
            row |= {"code": run.code, "ended_s": round(time.monotonic() - sent, 2), "was_over": ended}
            if ended and run.code:
                raise Fault(f"it ended by itself with {run.code}")
            _check_end(row, number)
            run.require_silence()
            verb.check_survivor(run.folder)
            run.wait(run.start(), STUCK_S)
            if run.code:
                raise Fault(f"the second run ends with {run.code}")
            run.require_silence()
            run.require_tidiness()
            if (found := verb.result(run.folder)) != expected:
                raise Fault(f"the second run made {found}, expected {expected}")
        except Exception as fault:
            row |= {"fault": f"{type(fault).__name__}: {fault}"[:1500], "errors": run.errors[-1500:]}
    return row


def _check_end(row: dict[str, Any], number: signal.Signals) -> None:
    """Before Python has started, SIGTERM does what it does by default."""
    if number == signal.SIGTERM and not row["was_over"]:
        if row["code"] not in (143, -signal.SIGTERM, 0):
            raise Fault(f"SIGTERM ends it with {row['code']}")
        if row["ended_s"] > END_S + OWN_GRACE:
            raise Fault(f"SIGTERM ends it after {row['ended_s']} s")


def main() -> int:
    """0: nothing was found."""
    parser = argparse.ArgumentParser(prog="fuzz.fault_runs")
    parser.add_argument("--runs", type=int, default=5, help="of each verb and signal")
    parser.add_argument("--verbs", nargs="*", default=list(VERBS), choices=list(VERBS))
    parser.add_argument("--first", type=int, default=0, help="number of the first run")
    parser.add_argument("--out", type=Path, default=Path("fault-findings.json"))
    asked = parser.parse_args()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="ovw-fault-materials-") as materials:
        make_materials(Path(materials))
        known = {name: _undisturbed(VERBS[name], Path(materials)) for name in asked.verbs}
        print({name: round(took, 1) for name, (took, _) in known.items()}, flush=True)
        for turn in range(asked.first, asked.first + asked.runs):
            for name, (took, expected) in known.items():
                for number in (signal.SIGKILL, signal.SIGTERM):
                    after = random.Random(f"{name} {number} {turn}").uniform(0, took)
                    rows.append(_disturbed(VERBS[name], Path(materials), number, after, expected))
                    if "fault" in rows[-1]:
                        print(json.dumps(rows[-1]), flush=True)
            asked.out.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    faults = sum("fault" in row for row in rows)
    print(f"{len(rows)} signals, {faults} faults")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
