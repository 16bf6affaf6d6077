"""The record while it grows: on disk after every process, so that whatever happens keeps what was measured."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ovw.benchmark.config import BenchConfig
from ovw.config import build
from ovw.errors import OvwError, UsageError, quoted
from ovw.home import home
from ovw.record import Case, Record, new_record, read_record, write_record

WITHOUT_INFLUENCE = {"output", "format", "budget", "timeout", "rounds"}
"""Keys that may change when a record is continued."""


class RecordJournal:
    """A record and its file.

    Args:
        config: the request; a file that holds another one is refused.
        path: of the record.
        subjects: what was measured, such as hashes of artifacts; they must be the same too.
        force: discard what another request left; the record of the same one is continued all the same.

    Raises:
        OvwError: another request's record, one of another machine, or a file that is no record of a benchmark.
    """

    def __init__(self, config: BenchConfig, path: Path, subjects: Mapping[str, str], *, force: bool = False) -> None:
        self.path = path
        made = new_record("bench", config.model_dump(mode="json"), facts={"subjects": dict(subjects)})
        earlier = read_record(path) if path.exists() else None
        if earlier:
            _require_ours(earlier, path)
        _require_free_tables(config, earlier, path)
        if earlier and not (other := _differences(earlier, made)):
            made = earlier.model_copy(update={"config": made.config})
        elif earlier and not force:
            raise OvwError(f"{path} holds another benchmark: {other}", "--force begins anew, -o chooses another file")
        self.record: Record = made
        self._make_folder()

    @property
    def cases(self) -> dict[str, Case]:
        return {case.name: case for case in self.record.cases}

    def put(self, case: Case) -> None:
        """Write a case down, in the place of its earlier state."""
        cases = self.cases | {case.name: case}
        self.update(cases=tuple(cases.values()))

    def update(self, **parts: Any) -> None:
        """Change fields of the record and write it."""
        self.record = self.record.model_copy(update=parts)
        write_record(self.record, self.path)

    def note(self, **facts: Any) -> None:
        """Change facts of the record and write it."""
        self.update(facts=self.record.facts | facts)

    def _make_folder(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            hint = "choose another file with -o"
            raise OvwError(f"cannot write to {self.path.parent}: {error.strerror}", hint) from None
        if not os.access(self.path.parent, os.W_OK):
            raise OvwError(f"cannot write to {self.path.parent}", "choose another file with -o")


def default_path() -> Path:
    """A file of its own for a run without `-o`."""
    return home() / "bench" / f"{datetime.now(UTC):%Y%m%d-%H%M%S}.json"


def config_of(path: Path, changes: Mapping[str, Any]) -> BenchConfig:
    """The request of a record, to go on with.

    Args:
        path: of the record.
        changes: flags that hold from now on.

    Raises:
        UsageError: not a record of a benchmark, or a value out of range.
    """
    record = read_record(path)
    if record.kind != "bench":
        raise UsageError(f"{path} is no record of ovw bench", "--resume takes one of its .json files")
    values = {**record.config, **changes, "output": str(path)}
    return build(BenchConfig, values, f" in {path}", record.config.keys() - changes.keys())


def _require_ours(earlier: Record, path: Path) -> None:
    """Refuse to replace another verb's record, `--force` or not."""
    if earlier.kind != "bench":
        raise OvwError(f"{path} is no record of ovw bench", "choose another file with -o")


def _require_free_tables(config: BenchConfig, earlier: Record | None, path: Path) -> None:
    """Refuse to replace tables beside the record that are not its own, and the record by one of them."""
    own = earlier.config.get("format", ()) if earlier else ()
    if path.suffix.removeprefix(".") in set(config.format) - {"json"}:
        seen = f"the record and its table would both be {path}"
        raise UsageError(seen, f"name the record: -o {path.with_suffix('.json')}")
    for kind in set(config.format) - {"json", *own}:
        if (table := path.with_suffix(f".{kind}")).exists():
            raise OvwError(f"{table} exists and is not of this benchmark", "choose another file with -o")


def _differences(earlier: Record, now: Record) -> str:
    """Settings, models and machine for which two records cannot be one; empty if there are none."""
    sides = [
        {key: value for key, value in record.config.items() if key not in WITHOUT_INFLUENCE}
        | {f"files of {name}": digest[:12] for name, digest in record.facts.get("subjects", {}).items()}
        | {"cpu": record.environment.cpu}
        | {f"package {name}": version for name, version in record.environment.packages.items()}
        for record in (earlier, now)
    ]
    keys = [key for key in {**sides[0], **sides[1]} if sides[0].get(key) != sides[1].get(key)]
    there, here = ({key: quoted(side.get(key)) for key in keys[:3]} for side in sides)
    return ", ".join(f"{key} {there[key]} there, {here[key]} now" for key in there)
