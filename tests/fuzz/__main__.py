"""Feed damaged files to every reader for some minutes, several processes after one another.

    PYTHONPATH=tests python -m fuzz --minutes 5 [--count 300] [--targets pt ggml] [--out fuzz-findings]

A process of its own reads; it is killed where it hangs, and may crash. What is found goes to a folder: the damaged file and what
became of it. `verdicts.json` there counts the outcomes: refused, accepted, and what was accepted with a note, such as a length, with
the numbers of some. Inputs are numbered: `--targets pt --first 17 --count 1` reads one of them again.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter, defaultdict
from contextlib import suppress
from pathlib import Path

import psutil

from fuzz.targets import TARGETS, once

SLOWEST_S, STUCK_S = 60.0, 600.0
"""Processor time, and time in all, of an input."""
LARGEST_MB = 2000
BATCH, CONVERSIONS = 50, 10
"""Inputs of a process; then a new one begins, whose memory can be kept apart from that of the one before. A conversion leaves
some behind: a verb ends with its process."""
SHOWN = 10
"""Numbers of inputs with a note that are listed."""


def main() -> int:
    """0: nothing was found."""
    parser = argparse.ArgumentParser(prog="fuzz")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--count", type=int, default=10**9, help="inputs of each target, at most")
    parser.add_argument("--first", type=int, default=0, help="number of the first input")
    parser.add_argument("--targets", nargs="*", default=list(TARGETS), choices=list(TARGETS))
    parser.add_argument("--corpus", type=Path, default=Path(tempfile.gettempdir()) / "ovw-fuzz-corpus")
    parser.add_argument("--out", type=Path, default=Path("fuzz-findings"))
    parser.add_argument("--read", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.read:
        return _read(asked.read, asked.corpus, asked.out, asked.first, asked.count)
    if not (asked.corpus / "blob").is_dir():
        _make_corpus(asked.corpus)
    (asked.out / "outcomes").mkdir(parents=True, exist_ok=True)
    done = _campaign(asked)
    _write_verdicts(asked.out)
    findings = sorted(asked.out.glob("*.txt")) if asked.out.is_dir() else []
    print(" ".join(f"{name} {count}" for name, count in done.items()))
    print(
        f"{sum(done.values())} damaged files read, {len(findings)} findings" + (f" in {asked.out}" if findings else "")
    )
    return bool(findings)


def _make_corpus(folder: Path) -> None:
    from fuzz.seeds import make_blob, make_seeds

    scratch = folder.with_name(f"{folder.name}.{os.getpid()}")
    scratch.mkdir()
    os.environ["OVW_HOME"] = str(scratch / "home")
    make_seeds(scratch)
    _make_ctranslate2(scratch / "ctranslate2" / "model")
    make_blob(scratch / "artifact")
    shutil.copytree(scratch / "home" / "compiled", scratch / "blob")
    shutil.rmtree(folder, ignore_errors=True)
    scratch.rename(folder)


def _make_ctranslate2(folder: Path) -> None:
    from support.ct2_folder import write_ct2

    from fuzz.seeds import CT2_CONFIG, SMALL
    from ovw.convert.sources.random import random_checkpoint

    folder.parent.mkdir()
    write_ct2(folder, random_checkpoint(SMALL), "int8_float16")
    (folder / "config.json").write_text(json.dumps(CT2_CONFIG), encoding="utf-8")
    shutil.copy(folder.parents[1] / "huggingface" / "single" / "tokenizer.json", folder)


def _campaign(asked: argparse.Namespace) -> dict[str, int]:
    """Targets in turns, a batch each, until the time or the count is up."""
    end, done = time.monotonic() + 60 * asked.minutes, dict.fromkeys(asked.targets, 0)
    while time.monotonic() < end and min(done.values()) < asked.count:
        for name in asked.targets:
            size = min(CONVERSIONS if name.startswith("convert") else BATCH, asked.count - done[name])
            if size > 0 and time.monotonic() < end:
                done[name] += _batch(name, asked, asked.first + done[name], size, end)
    return done


def _batch(name: str, asked: argparse.Namespace, first: int, size: int, end: float) -> int:
    """Run a process over some inputs; after a hang or a crash go on behind the one to blame."""
    state = Path(tempfile.mkdtemp(prefix="ovw-fuzz-"))
    command = [sys.executable, "-m", "fuzz", "--read", name, "--first", str(first), "--count", str(size)]
    command += ["--corpus", str(asked.corpus), "--out", str(asked.out)]
    progress = state / "progress"
    process = subprocess.Popen(
        command, env=os.environ | {"OVW_FUZZ_STATE": str(state), "OVW_HOME": str(state / "home")},
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace",
    )  # fmt: skip
    _wait(process, progress, end + STUCK_S)
    hung = process.poll() is None
    if hung:
        process.kill()
    errors = process.communicate()[1]
    reached = int(progress.read_text() or first) if progress.exists() else first
    if hung and time.monotonic() < end + STUCK_S:
        _keep(
            asked.out,
            name,
            reached,
            state / "work",
            f"over {SLOWEST_S:.0f} s of processor time, or {STUCK_S:.0f} s in all",
        )
    elif not hung and process.returncode:
        _keep(asked.out, name, reached, state / "work", f"exit code {process.returncode}\n{errors[-3000:]}")
    shutil.rmtree(state, ignore_errors=True)
    return reached - first + 1


def _wait(process: subprocess.Popen[str], progress: Path, end: float) -> None:
    """Until it ends, or works on one input for too long; other programs on the machine do not count."""
    number, since, used = "", time.monotonic(), 0.0
    while process.poll() is None and time.monotonic() < end:
        time.sleep(0.2)
        with suppress(psutil.Error, OSError):
            times = psutil.Process(process.pid).cpu_times()
            current = progress.read_text() if progress.exists() else ""
            if current != number:
                number, since, used = current, time.monotonic(), times.user + times.system
            if times.user + times.system - used > SLOWEST_S or time.monotonic() - since > STUCK_S:
                return


def _read(name: str, corpus: Path, out: Path, first: int, count: int) -> int:
    """In the process that reads: one input after the other, the number of the current one on disk."""
    state = Path(os.environ["OVW_FUZZ_STATE"])
    for number in range(first, first + count):
        (state / "progress").write_text(str(number))
        shutil.rmtree(state / "work", ignore_errors=True)
        (state / "work").mkdir()
        began = time.process_time()
        try:
            outcome = once(name, corpus, state / "work", random.Random(f"{name} {number}"))
        except Exception as error:
            outcome = f"finding: {type(error).__name__}"
            _keep(out, name, number, state / "work", traceback.format_exc())
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
        row = {"number": number, "outcome": outcome, "cpu_s": time.process_time() - began, "peak_mb": peak_mb}
        with (out / "outcomes" / f"{name}.jsonl").open("a", encoding="utf-8") as stream:
            print(json.dumps(row), file=stream)
        if peak_mb > LARGEST_MB:
            print(f"{peak_mb:.0f} MB", file=sys.stderr)
            return 1
    return 0


def _write_verdicts(out: Path) -> None:
    """Sum up the outcomes of this run and of those before it in the folder."""
    verdicts = {}
    for path in sorted((out / "outcomes").glob("*.jsonl")):
        rows = {row["number"]: row for row in map(json.loads, path.read_text(encoding="utf-8").splitlines())}
        kinds = {number: re.sub(r"\d+", "n", row["outcome"]) for number, row in rows.items()}
        noted: dict[str, list[int]] = defaultdict(list)
        for number, kind in kinds.items():
            if kind not in ("refused", "accepted", "warned") and len(noted[kind]) < SHOWN:
                noted[kind].append(number)
        verdicts[path.stem] = {
            "inputs": len(rows),
            "outcomes": dict(Counter(kinds.values())),
            "noted": noted,
            "findings": sorted(found.stem for found in out.glob(f"{path.stem}-[0-9]*.txt")),
            "slowest_cpu_s": max(row["cpu_s"] for row in rows.values()),
            "peak_mb": max(row["peak_mb"] for row in rows.values()),
        }
    (out / "verdicts.json").write_text(json.dumps(verdicts, indent=2) + "\n", encoding="utf-8")


def _keep(out: Path, name: str, number: int, work: Path, text: str) -> None:
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{name}-{number}.txt").write_text(text, encoding="utf-8", errors="replace")
    if work.is_dir():  # else it did not come to that
        shutil.copytree(work, out / f"{name}-{number}", symlinks=True, dirs_exist_ok=True)


if __name__ == "__main__":
    sys.exit(main())
