"""The result schema: what is written is read back; tables hold every figure."""

import csv
import io
import json
from pathlib import Path

import pytest

from ovw import environment
from ovw.convert.plan import Converted
from ovw.environment import read_environment
from ovw.errors import OvwError
from ovw.record import Case, Metric, Record, all_cases, describe_artifact, new_record, read_record, write_record
from ovw.record_tables import case_rows, metric_rows, number, show, to_csv, to_markdown


def small_record() -> Record:
    cases = tuple(
        Case(name=f"threads={n}", config={"threads": n}, metrics={"load": Metric(value=12.5 * n, unit="ms", samples=(12.0, 13.0))})
        for n in (1, 2)
    )  # fmt: skip
    wer = Metric(value=4.97, unit="%", ci95=(4.41, 5.6))
    return new_record("eval", {"limit": 3}, metrics={"wer": wer}, cases=cases, tables={"length": [{"clips": 3}]})


def test_round_trip(tmp_path: Path) -> None:
    record = small_record()
    write_record(record, tmp_path / "record.json")
    assert read_record(tmp_path / "record.json") == record
    data = json.loads((tmp_path / "record.json").read_text(encoding="utf-8"))
    assert data["metrics"]["wer"] == {"value": 4.97, "unit": "%", "ci95": [4.41, 5.6]}
    assert [p.name for p in tmp_path.iterdir()] == ["record.json"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "cannot be read"),
        ("[]", "schema version None"),
        ('{"schema_version": 2}', "schema version 2"),
        ('{"schema": "ovw.transcript/1"}', "a transcript, no record"),
        ('{"schema_version": 1, "kind": "eval"}', "damaged"),
    ],
)
def test_what_is_no_record(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "record.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(OvwError, match=said):
        read_record(path)


@pytest.mark.parametrize("rounds", [(1, 2), (3, 1), (2, 0)])
def test_rounds_are_those_of_the_samples(tmp_path: Path, rounds: tuple[int, ...]) -> None:
    record = small_record()
    write_record(record, tmp_path / "record.json")
    data = json.loads((tmp_path / "record.json").read_text(encoding="utf-8"))
    data["cases"][0]["metrics"]["load"]["rounds"] = rounds
    (tmp_path / "record.json").write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(OvwError, match=r"damaged: .*do not add up to the 2 samples"):
        read_record(tmp_path / "record.json")


def test_no_file_and_no_folder(tmp_path: Path) -> None:
    with pytest.raises(OvwError, match="cannot be read"):
        read_record(tmp_path / "none.json")
    with pytest.raises(OvwError, match="cannot write"):
        write_record(small_record(), tmp_path / "none" / "record.json")


def test_tables() -> None:
    record = small_record()
    rows = list(csv.DictReader(io.StringIO(to_csv(metric_rows([record])))))
    assert [(row["case"], row["metric"], float(row["value"])) for row in rows] == [
        ("all", "wer", 4.97),
        ("threads=1", "load", 12.5),
        ("threads=2", "load", 25.0),
    ]
    assert rows[0]["ci95_low"] == "4.41"
    assert rows[1]["n_samples"] == "2"
    assert case_rows(record)[0] == {"case": "all", "wer": "4.97 % [4.41, 5.60]", "load": ""}
    assert to_markdown([{"a|b": 1.5, "c": "x"}]) == "| a\\|b | c |\n| ---: | --- |\n| 1.50 | x |\n"


@pytest.mark.parametrize(("value", "shown"), [(3.0, "3"), (0.01234, "0.0123"), (12.345, "12.35"), (-0.5, "-0.5")])
def test_numbers(value: float, shown: str) -> None:
    assert number(value) == shown
    assert show(Metric(value=value, unit="1")) == shown


def test_artifact_facts(tiny: Converted) -> None:
    facts = describe_artifact(tiny.folder, tiny.manifest, "ab")
    assert facts.precision == "fp16"
    assert facts.size_mb == pytest.approx(sum(p.stat().st_size for p in tiny.folder.iterdir()) / 1e6, abs=0.3)
    record = new_record("bench", {}, artifact=facts, cases=(Case(name="c"),))
    assert all_cases(record)[0].artifact == facts


def test_environment_of_this_machine() -> None:
    found = read_environment()
    assert found.usable_cores <= found.logical_cores
    assert found.packages["openvino"]
    assert found.cpu


def test_container_memory(tmp_path: Path) -> None:
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "sys/fs/cgroup").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("0::/\n")
    assert environment._container_memory_mb(tmp_path) is None
    (tmp_path / "sys/fs/cgroup/memory.max").write_text("2000000000\n")
    assert environment._container_memory_mb(tmp_path) == 2000.0


def test_processor_from_cpuinfo() -> None:
    info = "\n\n".join(
        f"processor\t: {n}\nmodel name\t: Some CPU\nphysical id\t: 0\ncore id\t\t: {n // 2}\nflags\t\t: fpu avx2 avx512_vnni" for n in range(4)
    )  # fmt: skip
    assert environment._physical_cores(info) == 2
    assert environment._isa(info) == ("avx2", "avx512-vnni")
    assert environment._cpu_name(info) == "Some CPU"
