"""Cases of several records side by side: who ran, on which machine, and what work it did."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from ovw.record import Case, Metric, all_cases
from ovw.report.bench_tables import precision_of
from ovw.report.runs import Run

EVAL_WORK = ("task", "language", "detect_language")
"""Keys of an evaluation that change what a clip's result should be; the others change how well and fast it is found."""


@dataclass(frozen=True)
class MeasuredCase:
    """One case, ready to stand beside others.

    Attributes:
        label: unique in the report.
        run: that it is of.
        case: with its artifact.
    """

    label: str
    run: Run
    case: Case

    @property
    def metrics(self) -> dict[str, Metric]:
        return self.case.metrics

    @property
    def config(self) -> dict[str, Any]:
        return {**self.run.record.config, **self.case.config}

    @property
    def engine(self) -> str:
        if self.run.record.kind == "bench":
            return str(self.case.config.get("engine", "openvino"))
        return str(self.case.facts.get("engine", {}).get("engine", "openvino"))

    @property
    def precision(self) -> str:
        if self.run.record.kind == "bench":
            return precision_of(self.case)
        stored = self.case.artifact.precision if self.case.artifact else ""
        really = self.case.facts.get("engine", {}).get("inference_precision", "")
        return " ".join(dict.fromkeys(part for part in (stored, str(really)) if part))

    @property
    def machine(self) -> str:
        """Processor and cores that could be used."""
        seen = self.run.record.environment
        cores = seen.container_cpus or seen.usable_cores
        return f"{seen.cpu}, {cores:g} core{'s' if cores != 1 else ''}"

    @property
    def machine_key(self) -> tuple[str, ...]:
        """Distinct for machines whose processors have the same name but other instruction sets."""
        return (self.machine, *self.run.record.environment.isa)

    @property
    def clips(self) -> str | None:
        """Fingerprint of the audio and its reference texts, where words were scored."""
        if self.run.record.kind == "eval":
            asked = {key: self.config.get(key) for key in EVAL_WORK}
            return _digest("eval", self.case.facts.get("dataset", {}).get("fingerprint"), asked)
        described = self.run.record.facts.get("clips", {})
        decoding = self.config.get("decoding", {})
        return _digest("bench", described, decoding.get("task"), decoding.get("language")) if described else None

    @property
    def pipeline_work(self) -> str | None:
        """Hash of audio, options and text of a pipeline: times of other work are not compared."""
        request, text = (self.case.facts.get(key) for key in ("request_sha256", "text_sha256"))
        return _digest(request, text) if request and text and not self.case.facts.get("texts_differ") else None

    @property
    def dataset(self) -> str:
        """Name and number of the clips."""
        described = self.case.facts.get("dataset") or self.run.record.facts.get("clips") or {}
        count = described.get("utterances", described.get("clips"))
        return f"{described.get('name', '')}, {count} clip{'s' if count != 1 else ''}" if count else ""


def measured_cases(runs: Iterable[Run]) -> list[MeasuredCase]:
    """Every case that has figures, each with a label of its own."""
    found = [(run, case) for run in runs for case in all_cases(run.record) if case.metrics]
    names = [_name(run, case) for run, case in found]
    twice = {name for name, count in Counter(names).items() if count > 1}
    names = [f"{name} ({run.name})" if name in twice else name for name, (run, _) in zip(names, found, strict=True)]
    seen: Counter[str] = Counter()
    labelled = []
    for name, (run, case) in zip(names, found, strict=True):
        seen[name] += 1
        labelled.append(MeasuredCase(name if seen[name] == 1 else f"{name} #{seen[name]}", run, case))
    return labelled


def grouped(cases: Sequence[MeasuredCase], key: Callable[[MeasuredCase], Hashable | None]) -> list[list[MeasuredCase]]:
    """Cases that may be compared, group by group in the order of their first; those without a key in none."""
    groups: dict[Hashable, list[MeasuredCase]] = defaultdict(list)
    for case in cases:
        if (value := key(case)) is not None:
            groups[value].append(case)
    return list(groups.values())


def _name(run: Run, case: Case) -> str:
    """A benchmark's own name of the case; of an evaluation the artifact and what is not as by default."""
    if run.record.kind == "bench" or run.record.cases:
        return case.name
    chosen = run.record.config
    more = [f"beam {chosen['beam_size']}"] if chosen.get("beam_size", 1) != 1 else []
    more += [f"batch {chosen['batch_size']}"] if chosen.get("batch_size", 1) != 1 else []
    more += ["exact"] if chosen.get("exact") else []
    artifact = case.artifact.name if case.artifact else run.name
    return ", ".join([artifact, *more])


def _digest(*parts: Any) -> str:
    return sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()
