"""Records and the utterances behind them, read from files and from the folders of runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ovw.errors import OvwError
from ovw.home import real_path
from ovw.record import HYPOTHESES_FILE, RECORD_FILE, REFERENCE_FOLDER, Record, read_record
from ovw.scoring.hypothesis import Hypothesis, read_hypotheses
from ovw.scoring.utterances import ScoredUtterance, score_utterances


@dataclass(frozen=True)
class Run:
    """A record with its utterances.

    Attributes:
        name: for people: the file, or the folder of the run.
        record: of a benchmark or an evaluation.
        utterances: by the name of the case; of an evaluation without cases, under an empty name.
        folder: that relative paths of audio are looked for in.
    """

    name: str
    record: Record
    utterances: dict[str, list[ScoredUtterance]] = field(default_factory=dict)
    folder: Path = Path()


def read_runs(paths: Sequence[Path]) -> list[Run]:
    """Read records, each once.

    Args:
        paths: of `.json` records, or of folders that `ovw eval` wrote.

    Raises:
        OvwError: one of them is no record.
    """
    unique = {real_path(path): path for path in (_record_file(path) for path in paths)}
    return [read_run(path) for path in unique.values()]


def read_run(path: Path) -> Run:
    """Read one record and what lies beside it.

    Raises:
        OvwError: no record, or hypotheses that cannot be read.
    """
    record = read_record(path)
    found = _of_bench(record) if record.kind == "bench" else _of_eval(record, path.parent)
    name = path.parent.name if path.name == RECORD_FILE else path.stem
    return Run(name, record, {case: score_utterances(*texts) for case, texts in found.items()}, path.parent)


def _record_file(path: Path) -> Path:
    if not path.is_dir():
        return path
    if (path / RECORD_FILE).is_file():
        return path / RECORD_FILE
    seen = f"{path} is a folder without {RECORD_FILE}"
    raise OvwError(seen, "name a record, or a folder that ovw eval wrote")


Texts = tuple[list[Hypothesis], dict[str, Hypothesis]]


def _of_bench(record: Record) -> dict[str, Texts]:
    """Of a benchmark on a dataset: the texts of its first round."""
    by_case: dict[str, list[Hypothesis]] = defaultdict(list)
    for row in record.tables.get("hypotheses", []):
        known = {key: row[key] for key in ("id", "reference", "hypothesis")}
        by_case[row["case"]].append(Hypothesis(audio="", duration_s=0.0, language=row.get("language"), **known))
    return {case: (texts, {}) for case, texts in by_case.items()}


def _of_eval(record: Record, folder: Path) -> dict[str, Texts]:
    """Of an evaluation's own folder, or of those of a matrix' cases, as far as they are still there."""
    folders = {case.name: _case_folder(case.config, folder) for case in record.cases} or {"": folder}
    return {name: _texts(where) for name, where in folders.items() if where and (where / HYPOTHESES_FILE).is_file()}


def _case_folder(config: dict[str, Any], beside: Path) -> Path | None:
    """Where a case of a matrix was written, also after the matrix' folder was moved."""
    if not config.get("folder"):
        return None
    written = Path(config["folder"])
    return written if written.is_dir() else beside / written.name


def _texts(folder: Path) -> Texts:
    reference = folder / REFERENCE_FOLDER / HYPOTHESES_FILE
    others = read_hypotheses(reference) if reference.is_file() else []
    return read_hypotheses(folder / HYPOTHESES_FILE), {other.id: other for other in others}
