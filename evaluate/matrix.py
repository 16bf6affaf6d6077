"""`ovw eval matrix.yaml`: artifacts x datasets x decoding options, each a run of its own, all in one table."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from ovw.config import Config, UserPath, as_list, build
from ovw.datasets.resolve import DatasetOptions, open_dataset
from ovw.datasets.utterance import Dataset, Problem
from ovw.engines.registry import PytorchFile
from ovw.errors import OvwError, UsageError
from ovw.evaluate.config import EvalConfig
from ovw.evaluate.languages import list_languages
from ovw.evaluate.pipeline import Evaluation, evaluate
from ovw.evaluate.transcription import EvalObserver
from ovw.files import write_whole
from ovw.record import RECORD_FILE, Case, OtherSchemaError, Record, new_record, read_record, write_record
from ovw.record_tables import Row, case_rows, metric_rows, to_csv, to_markdown
from ovw.scoring.front import pareto_front

logger = logging.getLogger(__name__)

Values = dict[str, Any]
OURS = (RECORD_FILE, "table.md", "table.csv")


class FailedRunsError(OvwError):
    """Some runs of a matrix failed; `record` has the others."""

    def __init__(self, message: str, hint: str, record: Record) -> None:
        super().__init__(message, hint)
        self.record = record


class MatrixConfig(Config):
    """The contents of a matrix file; every key of `ovw eval` may stand in `defaults`, `datasets` and `options`."""

    models: Annotated[tuple[str, ...], BeforeValidator(as_list)] = Field(min_length=1)
    """Artifacts."""
    datasets: tuple[Values, ...] = Field(min_length=1)
    """Such as `{dataset: librispeech, split: test-other}`."""
    options: tuple[Values, ...] = Field(default=({},), min_length=1)
    """Such as `{beam_size: 5}`."""
    defaults: Values = Field(default_factory=dict)
    """For every run."""
    output: UserPath = "matrix"
    """The folder: one sub-folder a run, and the table."""


@dataclass(frozen=True)
class Cell:
    """One run of the matrix."""

    name: str
    config: EvalConfig


def cells(matrix: MatrixConfig, flags: Mapping[str, Any]) -> list[Cell]:
    """Every run, checked before the first begins.

    Args:
        matrix: the file.
        flags: of the command line; they win over `defaults`.

    Raises:
        UsageError: an unknown key, a value out of range, a run that is there twice, or a flag that sets what a dataset
            or an option of the file sets.
    """
    given = {key: value for key, value in flags.items() if key not in ("output", "dataset")}
    _require_free(matrix, given)
    runs = [(model, data, option) for data in matrix.datasets for model in matrix.models for option in matrix.options]
    short, whole = [_name(*run) for run in runs], [_whole_name(*run) for run in runs]
    names = [brief if short.count(brief) == 1 else full for brief, full in zip(short, whole, strict=True)]
    folders = [re.sub(r"[^\w.+=,-]+", "-", name).strip("-") for name in names]
    made = []
    for (model, dataset, option), name, folder in zip(runs, names, folders, strict=True):
        if folders.count(folder) > 1:
            raise UsageError(f"the matrix has {name} more than once", "leave out all but one of them")
        values = matrix.defaults | dataset | option | {"model": model} | given
        output = str(Path(matrix.output) / folder)
        made.append(Cell(name, build(EvalConfig, values | {"output": output}, f" in {name}")))
    return made


def _require_free(matrix: MatrixConfig, given: Mapping[str, Any]) -> None:
    """Refuse flags over what makes runs differ: their names would not be true."""
    for part, entries in (("datasets", matrix.datasets), ("options", matrix.options)):
        if taken := [key for key in given if any(key in entry for entry in entries)]:
            flag = f"--{taken[0].replace('_', '-')}"
            raise UsageError(
                f"{flag} beside a matrix that sets {taken[0]} under `{part}`", f"leave out {flag}, or change the matrix"
            )


def evaluate_matrix(
    matrix: MatrixConfig,
    flags: Mapping[str, Any],
    observer: EvalObserver | None = None,
    *,
    pytorch_file: PytorchFile | None = None,
) -> Record:
    """Run every cell, taking up what is there already, and write `record.json`, `table.md` and `table.csv`.

    A run that fails does not keep the others from being done and written down.

    Raises:
        OvwError: as `ovw.evaluate.pipeline.evaluate`, of every dataset before the first run begins, also of one without
            clips; or the folder holds such files that no matrix left there.
        FailedRunsError: behind all runs, one of them failed.
    """
    folder = Path(matrix.output)
    _require_ours(folder)
    planned = cells(matrix, flags)
    for speech in dict.fromkeys(cell.config.speech().model_dump_json() for cell in planned):
        options = DatasetOptions.model_validate_json(speech)
        _require_clips(open_dataset(options), options)
    failed: dict[str, OvwError] = {}
    cases = []
    for cell in planned:
        try:
            cases.append(_case(cell, evaluate(cell.config, observer, pytorch_file=pytorch_file)))
        except OvwError as error:
            if len(planned) == 1:
                raise
            logger.warning("%s failed: %s", cell.name, error.message)
            failed[cell.name] = error
    if not cases:
        raise next(iter(failed.values()))
    reasons = {name: error.message for name, error in failed.items()}
    facts = {"failed": reasons} if failed else {}
    record = new_record("eval", matrix.model_dump(mode="json"), facts=facts, cases=tuple(cases))
    write_record(record, folder / RECORD_FILE)
    notes = "".join(f"\n{name} failed: {reason}\n" for name, reason in reasons.items())
    write_whole(folder / "table.md", to_markdown(front_rows(record)) + notes)
    write_whole(folder / "table.csv", to_csv(metric_rows([record])))
    if failed:
        raise FailedRunsError(
            f"{len(failed)} of {len(planned)} runs failed: {', '.join(failed)}",
            f"{folder / 'table.md'} has the others and the reasons; the same command goes on",
            record,
        )
    return record


def _require_clips(dataset: Dataset, options: DatasetOptions) -> None:
    """Refuse a dataset that lists nothing but problems."""
    if list_languages(options, dataset) == {}:
        problem = next((item for item in dataset if isinstance(item, Problem)), None)
        seen = f": {problem.id}: {problem.reason}" if problem else ""
        raise UsageError(f"{dataset.name} has no clip that can be used{seen}", f"{dataset.origin} was read")


def _require_ours(folder: Path) -> None:
    """Refuse to replace files of others: a matrix' folder is known by its record."""
    here = [name for name in OURS if (folder / name).exists()]
    if not here:
        return
    try:
        known = read_record(folder / RECORD_FILE).config.keys() >= {"models", "datasets"}
    except OtherSchemaError:
        raise
    except OvwError:
        known = False
    if not known:
        seen = f"{folder} holds {', '.join(here)} of something else: no matrix of ovw eval left that"
        raise OvwError(seen, "choose another folder with -o")


def front_rows(record: Record) -> list[Row]:
    """One row a case; `front` marks those that no other case on the same clips beats in both error rate and speed."""
    cases = record.cases
    rows = case_rows(record, _columns(cases))
    return [
        {"case": case.name, "front": "*" if on_front(case, cases) else "", **row}
        for case, row in zip(cases, rows, strict=True)
    ]


def _columns(cases: Sequence[Case]) -> list[str]:
    wanted = ("wer", "cer", "speed", "wer_delta", "cer_delta", "fallback_rate", "hallucination_rate", "utterances")
    return [name for name in wanted if any(name in case.metrics for case in cases)]


def on_front(case: Case, cases: Sequence[Case]) -> bool:
    """Whether no other case of the same clips beats it in errors or speed without losing in the other.

    A case without an error rate, of silent clips alone, is not on it.
    """
    rivals = [_merits(other) for other in cases if _clips(other) == _clips(case) and other is not case]
    own, *others = (_merits(case), *rivals)
    return own is not None and pareto_front([own, *filter(None, others)])[0]


def _merits(case: Case) -> tuple[float, float] | None:
    rate, speed = case.metrics.get("wer") or case.metrics.get("cer"), case.metrics.get("speed")
    return (rate.value, speed.value if speed else 0.0) if rate else None


def _clips(case: Case) -> str:
    return str(case.facts["dataset"]["fingerprint"])


def _case(cell: Cell, evaluation: Evaluation) -> Case:
    record = evaluation.record
    return Case(
        name=cell.name,
        config={**record.config, "folder": str(evaluation.folder)},
        artifact=record.artifact,
        facts=record.facts,
        metrics=record.metrics,
    )


def _name(model: str, dataset: Mapping[str, Any], option: Mapping[str, Any]) -> str:
    """`base-int8 librispeech test-other beam_size=5`."""
    where = [
        Path(str(dataset.get("dataset", ""))).stem,
        *(str(dataset[k]) for k in ("split", "languages") if k in dataset),
    ]
    return " ".join([Path(model).name, *where, *(f"{key}={value}" for key, value in option.items())])


def _whole_name(model: str, dataset: Mapping[str, Any], option: Mapping[str, Any]) -> str:
    """`/models/base-int8 dataset=one/clips.jsonl beam_size=5`, for runs whose short names are equal."""
    parts = (f"{key}={value}" for key, value in {**dataset, **option}.items())
    return " ".join((model, *parts))
