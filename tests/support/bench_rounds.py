"""Rounds of a benchmark, made up."""

from collections.abc import Sequence

import numpy as np

from ovw.benchmark.case import CaseSpec
from ovw.benchmark.outcome import Outcome
from ovw.record import Case, Metric, Record, new_record


def metric(*rounds: Sequence[float], unit: str = "ms") -> Metric:
    samples = tuple(value for taken in rounds for value in taken)
    return Metric(value=float(np.median(samples)), unit=unit, samples=samples, rounds=tuple(map(len, rounds)))


def record(*cases: Case, **facts: object) -> Record:
    return new_record("bench", {}, cases=cases, facts=facts)


def outcome(results: list[dict], ending: str = "done", others: float | None = 0.0, **fields: object) -> Outcome:
    return Outcome(ending, fields.pop("reason", ""), results, 1.0, others, **fields)


def replace_config(case: Case) -> Case:
    return case.model_copy(update={"config": CaseSpec(name="c", model="m", stages=("encoder",)).axes()})


def case(name: str, *rounds: Sequence[float], unit: str = "ms", stage: str = "encoder", **facts: object) -> Case:
    return Case(name=name, metrics={stage: metric(*rounds, unit=unit)}, facts={"status": "done", **facts})
