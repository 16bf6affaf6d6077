"""Runs the cases' processes, in turns, within the budget."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ovw import engines
from ovw.artifact.layouts import layout_row
from ovw.benchmark.case import CaseSpec, GraphJob, PeakJob, Timing
from ovw.benchmark.clips import Clips
from ovw.benchmark.config import GRAPHS, BenchConfig
from ovw.benchmark.journal import RecordJournal
from ovw.benchmark.models import weights_mb
from ovw.benchmark.outcome import Outcome
from ovw.benchmark.results.result import (
    add_layers,
    add_memory,
    add_round,
    failed_later,
    hypothesis_rows,
    texts_of,
    whole_rounds,
)
from ovw.benchmark.roofline.roofs import better_peaks
from ovw.benchmark.scheduling.jobs import clip_job, options_left_out, request_sha256
from ovw.benchmark.scheduling.subprocesses import run_child, worker_command
from ovw.engines.registry import engine_row
from ovw.record import Artifact, Case, has_failed, is_skipped, peak_key
from ovw.runtime.device import DeviceOptions

STANDALONE = Path(engines.__path__[0]) / "standalone"
LIMIT_S = 120.0
"""Seconds for the stages of a process where no budget sets less."""
USED = 0.5
"""Of a process's share of the budget, what goes into stages; the rest is starting, loading, compiling."""
PEAK_S = 0.3


@dataclass
class BenchObserver:
    """Callbacks for a progress bar."""

    on_path: Callable[[Path], None] = lambda path: None
    on_step: Callable[[str], None] = lambda text: None
    on_case: Callable[[int, int], None] = lambda done, total: None
    """Processes done, and processes in all."""
    on_problem: Callable[[str], None] = lambda text: None


class Bench:
    """The processes of a benchmark.

    Args:
        config: the request.
        specs: the cases.
        clips: for the pipeline.
        journal: where results go.
        artifacts: their description for a record, by the model's path.
        watch: callbacks for progress.
    """

    def __init__(
        self,
        config: BenchConfig,
        specs: Sequence[CaseSpec],
        clips: Clips,
        journal: RecordJournal,
        artifacts: Mapping[str, Artifact],
        watch: BenchObserver,
    ) -> None:
        self._config, self._specs, self._clips, self._journal = config, specs, clips, journal
        self._artifacts, self._watch = artifacts, watch
        self._deadline = time.monotonic() + (config.budget or float("inf"))
        self._took: dict[str, float] = {}
        self._processes = sum(_parts(spec) * config.rounds + config.memory for spec in specs) + 2 * config.roofline
        self._done = 0

    def measure_peaks(self, *, again: bool = False) -> None:
        """Measure the peaks of each device with its threads; a second time at the end, of which the better counts."""
        if not self._config.roofline or (again and not self._done):
            return
        found = dict(self._journal.record.facts.get("peaks", {}))
        for key, device in self._devices().items():
            if (key in found and not again) or not self._fits("peaks"):
                continue
            self._watch.on_step("what the machine can do")
            job = PeakJob(device=device, seconds=PEAK_S)
            outcome = self._child(worker_command(), {"kind": "peaks", **job.model_dump(mode="json")})
            self._took["peaks"] = outcome.seconds
            if outcome.ending != "done":
                self._watch.on_problem(f"peaks: {outcome.ending}: {outcome.reason}")
                continue
            found[key] = better_peaks(found[key], outcome.describe()) if key in found else outcome.describe()
        self._journal.note(peaks=found)

    def round(self, number: int) -> None:
        """Run every case that has not done this round yet, in one order and then in the other."""
        specs = self._specs if number % 2 == 0 else list(reversed(self._specs))
        for spec in specs:
            case = self._case(spec)
            if not number and _is_out(case):  # of an earlier run
                if failed_later(case):
                    self._drop_layers(case.name)
                case = whole_rounds(case)
                if case.metrics:
                    self._journal.put(case)
            if not _is_due(case, number) or not self._fits(spec.name):
                continue
            self._watch.on_step(f"{spec.name}, round {number + 1}")
            fresh = case if case.facts.get("status") == "done" else self._empty(spec)
            outcomes = [self._child(*command) for command in self._commands(spec, count=not number)]
            self._took[spec.name] = sum(outcome.seconds for outcome in outcomes)
            self._keep(spec, fresh, outcomes)

    def measure_memory(self) -> None:
        """Run every case once more with an eye on its memory."""
        for spec in self._specs if self._config.memory else []:
            case = self._case(spec)
            if case.facts.get("status") != "done" or "peak_rss" in case.metrics or not self._fits(spec.name):
                continue
            self._watch.on_step(f"{spec.name}, memory")
            command, job = list(self._commands(spec, count=False))[-1]
            outcome = self._child(command, _once(job), watch_memory=True)
            self._journal.put(add_memory(case, outcome, weights_mb(spec.model)))

    def profile_layers(self) -> None:
        """Time every layer of the cases whose graphs OpenVINO runs."""
        tables = dict(self._journal.record.tables)
        rows = list(tables.get("layers", []))
        for spec in self._specs if self._config.layers else []:
            case = self._case(spec)
            profiled = any(row["case"] == spec.name for row in rows)
            has_layers = engine_row(spec.engine).has_layers
            if not has_layers or case.facts.get("status") != "done" or profiled or not self._fits(spec.name):
                continue
            self._watch.on_step(f"{spec.name}, layers")
            job = self._graph_job(spec, count=False).model_copy(update={"layers": True})
            outcome = self._child(worker_command(), {"kind": "graphs", **job.model_dump(mode="json")})
            if outcome.ending != "done":
                self._watch.on_problem(f"{spec.name}, layers: {outcome.ending}: {outcome.reason}")
            grown, found = add_layers(case, outcome)
            rows += found
            self._journal.put(grown)
            self._journal.update(tables=tables | {"layers": rows})

    def _drop_layers(self, name: str) -> None:
        """Drop a case's layers, which may be those of some graphs only."""
        tables = self._journal.record.tables
        if "layers" in tables:
            rows = [row for row in tables["layers"] if row["case"] != name]
            self._journal.update(tables=tables | {"layers": rows})

    def left_out(self) -> dict[str, str]:
        """Cases that got no round, or fewer than were asked for, for want of time."""
        found = {}
        for spec in self._specs:
            case = self._journal.cases.get(spec.name)
            done = case.facts.get("rounds", 0) if case else 0
            if done < self._config.rounds and (case is None or not _is_out(case)):
                found[spec.name] = f"{self._config.rounds - done} of {self._config.rounds} rounds"
        return found

    def _devices(self) -> dict[str, DeviceOptions]:
        """The devices whose peaks matter, by their key."""
        ours = [
            spec
            for spec in self._specs
            if spec.layout and layout_row(spec.layout).cache == "inside" and GRAPHS & set(spec.stages)
        ]
        return {peak_key(spec.device.model_dump()): spec.device for spec in ours if engine_row(spec.engine).has_layers}

    def _case(self, spec: CaseSpec) -> Case:
        return self._journal.cases.get(spec.name) or self._empty(spec)

    def _empty(self, spec: CaseSpec) -> Case:
        return Case(name=spec.name, config=spec.axes(), artifact=self._artifacts.get(spec.model))

    def _keep(self, spec: CaseSpec, case: Case, outcomes: list[Outcome]) -> None:
        grown = add_round(case, outcomes)
        if is_skipped(grown):
            package = engine_row(spec.engine).package
            where = f"{spec.python} -m pip" if spec.python else "pip"
            grown = grown.model_copy(update={"facts": grown.facts | {"reason": f"{where} install {package}"}})
        if _is_out(grown):
            self._watch.on_problem(f"{spec.name}: {grown.facts['status']}: {grown.facts['reason']}")
        if "pipeline" in spec.stages:
            grown = grown.model_copy(update={"facts": grown.facts | self._request_facts(spec, grown)})
        self._keep_texts(spec.name, outcomes)
        self._journal.put(grown)

    def _request_facts(self, spec: CaseSpec, case: Case) -> dict[str, Any]:
        """The hash of what a pipeline was given, and what it was not."""
        untaken = options_left_out(engine_row(spec.engine), self._config.options())
        left_out = dict.fromkeys(untaken, f"not an option of {spec.engine} here")
        digest = request_sha256(self._clip_job(spec), self._clips)
        return {"request_sha256": digest, "left_out": case.facts.get("left_out", {}) | left_out}

    def _keep_texts(self, name: str, outcomes: list[Outcome]) -> None:
        """The texts of the first whole round, where there is a reference to hold them against."""
        tables = self._journal.record.tables
        rows = tables.get("hypotheses", [])
        texts = {number: text for outcome in outcomes for number, text in texts_of(outcome).items()}
        clips = self._clips.clips
        if self._config.dataset is None or len(texts) < len(clips) or any(row["case"] == name for row in rows):
            return
        new = hypothesis_rows(name, clips, texts, self._config.options())
        self._journal.update(tables=tables | {"hypotheses": [*rows, *new]})

    def _commands(self, spec: CaseSpec, *, count: bool) -> Iterator[tuple[list[str], dict[str, Any]]]:
        """The processes of a round: one for the graphs, one for the pipeline, as far as they are asked for."""
        if GRAPHS & set(spec.stages):
            yield worker_command(), {"kind": "graphs", **self._graph_job(spec, count=count).model_dump(mode="json")}
        if "pipeline" in spec.stages:
            own = engine_row(spec.engine).is_ours
            python = (
                [sys.executable, "-m", "ovw.engines.standalone"]
                if own
                else [spec.python or sys.executable, str(STANDALONE)]
            )
            yield python, self._clip_job(spec)

    def _graph_job(self, spec: CaseSpec, *, count: bool) -> GraphJob:
        wanted = count and self._config.roofline
        return GraphJob(case=spec, cache=self._config.cache, timing=self._timing(), count=wanted)

    def _clip_job(self, spec: CaseSpec) -> dict[str, Any]:
        return clip_job(self._config, spec, self._clips, self._timing().limit)

    def _timing(self) -> Timing:
        config = self._config
        share = config.budget / max(1, self._processes) * USED if config.budget else LIMIT_S
        return Timing(iterations=config.iterations, seconds=config.seconds, warmup=config.warmup, limit=share)

    def _fits(self, name: str) -> bool:
        """Whether there is time for what took so long before."""
        return time.monotonic() + self._took.get(name, 0.0) < self._deadline

    def _child(self, command: list[str], job: dict[str, Any], *, watch_memory: bool = False) -> Outcome:
        outcome = run_child(command, job, self._config.timeout, watch_memory=watch_memory)
        self._done += 1
        self._watch.on_case(self._done, self._processes)
        return outcome


def _is_out(case: Case) -> bool:
    """Whether a case came to a bad end, or its engine is not installed."""
    return has_failed(case) or is_skipped(case)


def _is_due(case: Case, number: int) -> bool:
    """Whether a case takes part in a round: it is not out, and has not done the round yet."""
    rounds: int = case.facts.get("rounds", 0)
    return not _is_out(case) and rounds <= number


def _parts(spec: CaseSpec) -> int:
    """Processes of a round."""
    return bool(GRAPHS & set(spec.stages)) + ("pipeline" in spec.stages)


def _once(job: dict[str, Any]) -> dict[str, Any]:
    """A job cut down to a single pass: memory does not need more."""
    return job | ({"seconds": 0.0} if "clips" in job else {})
