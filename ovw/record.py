"""The one result of a measurement, by bench and eval alike: JSON on disk; CSV and Markdown are made from it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ovw.artifact.manifest import Manifest, Source
from ovw.config import explain
from ovw.environment import Environment, read_environment
from ovw.errors import OvwError, quoted, reason
from ovw.files import write_whole
from ovw.parsing import from_json
from ovw.text_files import escaped_values, read_text

SCHEMA_VERSION = 1
RECORD_FILE = "record.json"
"""Of a run's folder, as `ovw eval` writes it."""
HYPOTHESES_FILE = "hypotheses.jsonl"
REFERENCE_FOLDER = "reference"
"""Folder within a run's own that holds the reference system's hypotheses."""
ROOFS = "_roofline"
"""Suffix of the metric that holds the share of the roof that a stage reaches, behind the stage's name."""
ENDED_BADLY = ("failed", "crashed", "out of memory", "hang")
"""Values of a benchmark case's `status`."""


def peak_key(axes: Mapping[str, Any]) -> str:
    """The key of cases with the same peaks, in a record's `peaks`: `CPU`, or `CPU threads=1`.

    Args:
        axes: with `device` and `threads`.
    """
    return str(axes.get("device")) + (f" threads={axes['threads']}" if axes.get("threads") else "")


class Part(BaseModel):
    """A frozen part of a record; unknown keys are refused, so that a later schema is not misread."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Metric(Part):
    """One figure."""

    value: float
    unit: str
    """`%`, `ms`, `s`, `MB`, `J`, `/s` (of a second), `x` (times), `1` (a bare number)."""
    ci95: tuple[float, float] | None = None
    """95 % confidence interval."""
    samples: tuple[float, ...] | None = None
    """The raw values behind a summary, in the order they were measured."""
    rounds: tuple[int, ...] | None = None
    """Number of samples of each round, where they come from several."""
    percentiles: dict[str, float] | None = None
    """Of the samples: `p50`, `p90`, `p95`, `p99`."""

    @model_validator(mode="after")
    def _check(self) -> Metric:
        rounds, samples = self.rounds or (), self.samples or ()
        if rounds and self.samples is not None and (min(rounds) < 1 or sum(rounds) != len(samples)):
            raise ValueError(f"the rounds {quoted(rounds)} do not add up to the {len(samples)} samples")
        return self


class Artifact(Part):
    """Description of the artifact that was run."""

    name: str
    """Of its folder, as `-m` takes it."""
    model: str
    layout: str
    precision: str
    """Of the stored weights."""
    compression: dict[str, Any] | None = None
    source: Source
    manifest_sha256: str
    """Of `manifest.json`, which holds the hash of every other file."""
    size_mb: float


class Case(Part):
    """One measurement of several: a row of a comparison."""

    name: str
    config: dict[str, Any] = Field(default_factory=dict)
    """Its settings: device, threads, precision hint, batch, decoding options."""
    artifact: Artifact | None = None
    facts: dict[str, Any] = Field(default_factory=dict)
    """Results that are no figures: text hash, inference precision, reason of a skip."""
    metrics: dict[str, Metric] = Field(default_factory=dict)


def has_failed(case: Case) -> bool:
    """Whether a case came to a bad end; one that is not installed has not."""
    return case.facts.get("status") in ENDED_BADLY


def is_skipped(case: Case) -> bool:
    """Whether a case's engine is not installed."""
    return case.facts.get("status") == "missing"


class OtherSchemaError(OvwError):
    """A record of another version of ovw."""


class Record(Part):
    """A result with everything that is needed to judge and repeat it."""

    schema_version: Literal[1] = 1
    kind: Literal["bench", "eval"]
    created: str
    """UTC, ISO 8601."""
    environment: Environment
    config: dict[str, Any]
    """The resolved configuration: flags over YAML over defaults."""
    artifact: Artifact | None = None
    """The artifact, where it is one for all cases."""
    facts: dict[str, Any] = Field(default_factory=dict)
    """Results that are no figures: dataset fingerprint, normalizer, problems."""
    metrics: dict[str, Metric] = Field(default_factory=dict)
    cases: tuple[Case, ...] = ()
    tables: dict[str, list[dict[str, Any]]] = Field(default_factory=dict)
    """Further tables by name, each a list of rows with the same keys."""


def new_record(kind: Literal["bench", "eval"], config: dict[str, Any], **parts: Any) -> Record:
    """A record of now, on this machine.

    Args:
        kind: which verb.
        config: the resolved configuration.
        **parts: other fields of `Record`.
    """
    created = datetime.now(UTC).isoformat(timespec="seconds")
    environment = parts.pop("environment", None) or read_environment()
    return Record(kind=kind, created=created, environment=environment, config=config, **parts)


def describe_artifact(folder: Path, manifest: Manifest, manifest_sha256: str) -> Artifact:
    """The artifact as a record describes it.

    Args:
        folder: of the artifact.
        manifest: its manifest.
        manifest_sha256: hash of the manifest file.
    """
    return Artifact(
        name=folder.name,
        model=manifest.name,
        layout=manifest.layout,
        precision=manifest.precision,
        compression=manifest.compression.model_dump(mode="json") if manifest.compression else None,
        source=manifest.source,
        manifest_sha256=manifest_sha256,
        size_mb=round(sum(file.bytes for file in manifest.files.values()) / 1e6, 1),
    )


def write_record(record: Record, path: Path) -> None:
    """Write a record as JSON, whole or not at all.

    Raises:
        OvwError: the disk refuses.
    """
    data = escaped_values(record.model_dump(mode="json", exclude_none=True))
    write_whole(path, json.dumps(data, indent=2, ensure_ascii=False) + "\n")


def read_record(path: Path) -> Record:
    """Read a record back.

    Raises:
        OvwError: no such file, not JSON, another schema version or a missing field.
    """
    try:
        data = from_json(read_text(path))
    except (OSError, ValueError) as error:
        hint = "ovw eval and ovw bench write records"
        raise OvwError(f"{path} cannot be read as a record: {reason(error)}", hint) from None
    seen = data.get("schema_version") if isinstance(data, dict) else None
    if isinstance(data, dict) and str(data.get("schema", "")).startswith("ovw.transcript"):
        raise OvwError(f"{path} is a transcript, no record", "ovw eval and ovw bench write records")
    if seen != SCHEMA_VERSION:
        kind = OtherSchemaError if isinstance(seen, int) else OvwError
        raise kind(f"{path} has schema version {quoted(seen)}, this ovw reads {SCHEMA_VERSION}", "measure again")
    try:
        return Record(**data)
    except ValidationError as error:
        raise OvwError(f"{path} is damaged: {explain(error)}", "measure again") from None


@contextmanager
def damage_explained(paths: Sequence[Path], seen: str) -> Iterator[None]:
    """Report values of records that no measurement leaves, wherever they turn out to be wrong, in one line.

    Args:
        paths: of the records.
        seen: why that matters, such as `cannot be compared`.

    Raises:
        OvwError: instead of whatever a value led to.
    """
    try:
        yield
    except (OvwError, OSError):
        raise
    except Exception as error:  # packages that draw have errors of their own
        message = f"{', '.join(map(str, paths))} {seen}: {quoted(reason(error))}"
        raise OvwError(message, "measure again; -v shows where it failed") from error


def all_cases(record: Record) -> Sequence[Case]:
    """A record's cases, its own metrics as the first of them if it has any."""
    own = Case(name="all", artifact=record.artifact, facts=record.facts, metrics=record.metrics)
    return [*([own] if record.metrics else []), *(_complete(case, record) for case in record.cases)]


def _complete(case: Case, record: Record) -> Case:
    return case if case.artifact or not record.artifact else case.model_copy(update={"artifact": record.artifact})
