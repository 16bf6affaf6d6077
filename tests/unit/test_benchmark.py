"""The parts of a benchmark: what is counted, what is timed, what is concluded."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import psutil
import pytest
from support.foreign_folder import traced_copy, two_graph_copy

from ovw.benchmark.case import CaseSpec, Timing
from ovw.benchmark.config import BenchConfig
from ovw.benchmark.journal import RecordJournal, config_of
from ovw.benchmark.measuring import noise
from ovw.benchmark.measuring.clock import collect, timed
from ovw.benchmark.measuring.energy import EnergyMeter
from ovw.benchmark.measuring.noise import NoiseMeter
from ovw.benchmark.outcome import Outcome
from ovw.benchmark.results.compare import compare
from ovw.benchmark.results.result import add_round
from ovw.benchmark.results.statistics import (
    mean_interval,
    percentiles,
    ratio,
    round_medians,
    rounds_to_decide,
    student_t,
)
from ovw.benchmark.roofline.graph_cost import count, decoder_work, encoder_flops, encoder_work, graph_files
from ovw.benchmark.roofline.peaks import _product, _quantized_product
from ovw.benchmark.roofline.roofs import add_shares, bandwidth, better_peaks, roof, roofline_rows
from ovw.config import build, resolve
from ovw.convert.pipeline import Converted
from ovw.errors import OvwError, UsageError
from ovw.record import Case, Metric, Record, new_record, read_record
from ovw.report.bench_tables import detail_rows, overview_rows, problem_lines

ROOT = Path(__file__).resolve().parents[2]


def metric(*rounds: Sequence[float], unit: str = "ms") -> Metric:
    samples = tuple(value for taken in rounds for value in taken)
    return Metric(value=float(np.median(samples)), unit=unit, samples=samples, rounds=tuple(map(len, rounds)))


def record(*cases: Case, **facts: object) -> Record:
    return new_record("bench", {}, cases=cases, facts=facts)


def outcome(results: list[dict], ending: str = "done", others: float | None = 0.0, **fields: object) -> Outcome:
    return Outcome(ending, fields.pop("reason", ""), results, 1.0, others, **fields)


# what is concluded


@pytest.mark.parametrize(
    ("freedom", "confidence", "t"),
    [(1, 0.95, 12.706), (2, 0.99, 9.925), (4, 0.999, 8.610), (8, 0.95, 2.306), (100, 0.95, 1.984)],
)
def test_student_t(freedom: float, confidence: float, t: float) -> None:
    assert student_t(freedom, confidence) == pytest.approx(t, abs=1e-3)


def test_two_runs_of_the_same_thing_are_the_same_and_a_tenth_more_is_found() -> None:
    rng = np.random.default_rng(0)
    hours = rng.normal(0, 0.017, (150, 2, 1))  # the rounds of a run are alike
    same = [ratio(*np.exp(hour + rng.normal(0, 0.03, (2, 5)))) for hour in hours]
    assert sum(not found.differs for found in same) >= 0.9 * 150
    slower = [ratio(*(np.exp(rng.normal(0, 0.02, (2, 5))) * [[10], [11]])) for _ in range(150)]
    assert sum(found.differs and found.value > 1 for found in slower) > 0.95 * 150


def test_ratio_of_what_does_not_scatter_and_of_single_rounds() -> None:
    found = ratio([10.0, 10.0], [10.05, 10.05])
    assert found.low is not None
    assert not found.differs
    assert ratio([10.0] * 3, [12.0] * 3).differs
    alone = ratio([10.0], [20.0])
    assert (alone.value, alone.low, alone.differs) == (pytest.approx(2.0), None, False)


def test_figures_of_samples() -> None:
    assert percentiles(range(1, 101))["p90"] == pytest.approx(90.1)
    assert round_medians([1, 2, 3, 10, 20], [3, 2]) == [2, 15]
    assert mean_interval([5.0, 6.0]) is None
    low, high = mean_interval([9.0, 10.0, 11.0])
    assert low < 9.97 < high


# what is timed


def test_enough_iterations_and_seconds() -> None:
    def run() -> list[float]:
        return [0.25, 0.25]

    assert collect(run, Timing(iterations=5, seconds=0, warmup=2, limit=9), 9) == [250.0] * 6
    assert len(collect(timed(lambda: None), Timing(iterations=3, seconds=0.01, warmup=0, limit=9), 9)) > 3
    assert collect(run, Timing(iterations=99, seconds=9, warmup=99, limit=0), 0) == [250.0] * 2


def test_energy_counter_that_starts_anew(tmp_path: Path) -> None:
    assert "no RAPL" in EnergyMeter(tmp_path).reason
    assert EnergyMeter(tmp_path).joules(lambda: None) is None
    zone = tmp_path / "intel-rapl:0"
    zone.mkdir()
    (tmp_path / "intel-rapl:0:0").mkdir()
    (zone / "max_energy_range_uj").write_text("9999999\n")
    (zone / "energy_uj").write_text("9000000\n")
    meter = EnergyMeter(tmp_path)
    assert meter.joules(lambda: (zone / "energy_uj").write_text("2000000\n")) == pytest.approx(3.0)


# what else ran


def test_noise_is_what_others_took(monkeypatch: pytest.MonkeyPatch) -> None:
    core = psutil.cpu_times(percpu=True)[0]
    cores, clock, own = len(os.sched_getaffinity(0)), [0.0, 10.0], [3.0, 8.0]
    busy = [core._replace(**dict.fromkeys(core._fields, 0.0)), core._replace(**dict.fromkeys(core._fields, 0.0) | {"user": 7.0, "steal": 1.0, "idle": 2.0})]  # fmt: skip
    monkeypatch.setattr(noise.psutil, "cpu_times", lambda percpu: [busy.pop(0)] + [busy_idle] * (os.cpu_count() or 1))
    busy_idle = core._replace(**dict.fromkeys(core._fields, 0.0))
    monkeypatch.setattr(noise, "_own", lambda: own.pop(0))
    monkeypatch.setattr(noise.time, "perf_counter", lambda: clock.pop(0))
    if 0 in os.sched_getaffinity(0):
        assert cores >= 1
        assert NoiseMeter().others() == pytest.approx((8 - 5) / 10)


def test_a_loaded_core_is_noise() -> None:
    spin = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        meter = NoiseMeter()
        while psutil.Process(spin.pid).cpu_times().user < 0.5:
            psutil.Process(spin.pid).cpu_percent(0.05)
        assert (meter.others() or 0) > 0.1
    finally:
        spin.kill()
        spin.wait()


# what is counted


@pytest.mark.parametrize(("frames", "batch"), [(3000, 1), (1280, 1), (500, 3)])
def test_operations_of_the_encoder(tiny: Converted, tiny_v3: Converted, frames: int, batch: int) -> None:
    for made in (tiny, tiny_v3):
        dims = made.manifest.dimensions()
        work = encoder_work(graph_files(made.folder)[0], [batch, dims.n_mels, frames], "bf16")
        assert work.flops == {"float": encoder_flops(dims, frames, batch), "int8": 0.0}


@pytest.mark.weights
def test_operations_of_base(base: Converted) -> None:
    work = encoder_work(graph_files(base.folder)[0], [1, 80, 3000], "f32")
    assert work.flops["float"] == pytest.approx(87.37e9, rel=1e-3)
    weights = 4 * (6 * 12 * 512**2 + 3 * 80 * 512 + 3 * 512**2)
    assert work.bytes == pytest.approx(weights + 4 * (80 * 3000 + 1500 * 512))


def test_operations_of_the_decoder(tiny: Converted) -> None:
    dims, xml = tiny.manifest.dimensions(), graph_files(tiny.folder)[1]
    d, v, layers, heard = dims.n_text_state, dims.n_vocab, dims.n_text_layer, 1500
    for rows, audio, cached in ((1, 1, 7), (5, 1, 100), (4, 2, 400)):
        work = decoder_work(xml, dims, rows, 1, cached, [audio, heard, d], "bf16")
        layer = 2 * (4 + 2 + 8) * d * d + 4 * d * (cached + 1) + 4 * d * heard
        assert work.flops["float"] == rows * (layers * layer + 2 * d * v)
        weights = 2 * (layers * 14 * d * d + d * v)
        caches = 2 * 2 * layers * d * (rows * cached + audio * heard)
        assert work.bytes == pytest.approx(weights + caches + rows * (2 * v + 8 + 4))
    first = decoder_work(xml, dims, 1, 4, 0, [1, heard, d], "bf16")
    later = decoder_work(xml, dims, 1, 4, 4, [1, heard, d], "bf16")
    projections = layers * 2 * 2 * heard * d * d
    assert first.flops["float"] - later.flops["float"] == projections - layers * 4 * d * 4 * 4


@pytest.mark.parametrize("copy", [traced_copy, two_graph_copy])
def test_operations_of_other_programs(tiny: Converted, tmp_path: Path, copy: Callable[..., Path]) -> None:
    dims, xml = tiny.manifest.dimensions(), graph_files(tiny.folder)[1]
    other = graph_files(copy(tiny, tmp_path / "export"))[1]
    for tokens, cached in ((4, 0), (1, 7)):
        ours, theirs = (
            decoder_work(one, dims, 1, tokens, cached, [1, 1500, dims.n_text_state], "f32") for one in (xml, other)
        )
        assert theirs.flops == ours.flops
        assert theirs.bytes == pytest.approx(ours.bytes, rel=0.02)


def test_products_in_8_bit_are_told_apart() -> None:
    assert count(_quantized_product(3, 5, 7), 2).flops == {"float": 0.0, "int8": 2.0 * 3 * 5 * 7}
    plain = count(_product(3, 5, 7), 2)
    assert plain.flops == {"float": 2.0 * 3 * 5 * 7, "int8": 0.0}
    assert plain.bytes == 2 * (3 * 5 + 5 * 7 + 3 * 7)
    assert count(_quantized_product(3, 5, 7), 2).bytes == 5 * 7 + 2 * (3 * 5 + 3 * 7)


PEAKS = {"gflops": {"f32": 100.0, "bf16": 200.0, "int8": 400.0}, "gbps": [[4, 60.0], [64, 30.0]]}


def test_roofs() -> None:
    assert bandwidth(1e6, PEAKS["gbps"]) == bandwidth(5e6, PEAKS["gbps"]) == 60.0
    assert bandwidth(1e9, PEAKS["gbps"]) == 30.0
    compute = roof({"float": 2e9, "int8": 4e9, "bytes": 6e6}, "bf16", PEAKS)
    assert (compute.bound, compute.seconds) == ("compute", pytest.approx(0.02))
    memory = roof({"float": 1e6, "int8": 0, "bytes": 3e8}, "f32", PEAKS)
    assert (memory.bound, memory.seconds) == ("memory", pytest.approx(0.01))
    assert roof({"float": 1, "int8": 0, "bytes": 1}, "f16", PEAKS) is None
    better = better_peaks(PEAKS, {"gflops": {"f32": 110.0, "bf16": 1.0}, "gbps": [[4, 1.0], [64, 31.0]]})
    assert better == {"gflops": {"f32": 110.0, "bf16": 200.0, "int8": 400.0}, "gbps": [[4, 60.0], [64, 31.0]]}
    case = Case(
        name="c",
        facts={"encoder_precision": "bf16", "work": {"encoder": {"float": 2e9, "int8": 0, "bytes": 6e6}}},
        metrics={"encoder": metric([20.0])},
    )
    assert add_shares(case, PEAKS).metrics["encoder_roofline"].value == pytest.approx(50)
    (row,) = roofline_rows(case, PEAKS)
    assert (row["bound"], row["gflops"], row["percent"]) == ("compute", 100.0, 50.0)


# cases


def test_rounds_add_up() -> None:
    def said(text: str) -> dict:
        return {"text": text, "tokens": 2, "clip": 0}

    first = outcome([{"stage": "encoder", "unit": "ms", "samples": [1.0, 2.0, 3.0]}, said("a"), {"facts": {"x": 1}}])
    second = outcome([{"stage": "encoder", "unit": "ms", "samples": [8.0]}, {"left_out": {"token_400": "no room"}}])
    case = add_round(add_round(Case(name="c"), [first]), [second])
    encoder = case.metrics["encoder"]
    assert (encoder.samples, encoder.rounds, encoder.value) == ((1.0, 2.0, 3.0, 8.0), (3, 1), 2.5)
    assert case.facts["rounds"] == 2
    assert case.facts["left_out"] == {"token_400": "no room"}
    assert (case.facts["tokens"], case.facts["x"], case.facts["noisy"]) == (2, 1, False)
    third = add_round(case, [outcome([said("b")], others=9.0)])
    assert third.facts["texts_differ"]
    assert not third.facts["noisy"]  # most rounds were not
    assert add_round(third, [outcome([], others=9.0)]).facts["noisy"]
    broken = add_round(case, [first, outcome([], "crashed", reason="SIGSEGV")])
    assert (broken.facts["status"], broken.facts["reason"]) == ("crashed", "SIGSEGV")
    ended = record(replace_config(broken))
    assert overview_rows(ended)[0]["note"] == "crashed"
    assert problem_lines(ended) == ["c: crashed: SIGSEGV"]
    assert detail_rows(case)[0]["n"] == 4


def replace_config(case: Case) -> Case:
    return case.model_copy(update={"config": CaseSpec(name="c", model="m", stages=("encoder",)).axes()})


# comparisons


def case(name: str, *rounds: Sequence[float], unit: str = "ms", stage: str = "encoder", **facts: object) -> Case:
    return Case(name=name, metrics={stage: metric(*rounds, unit=unit)}, facts={"status": "done", **facts})


STEADY = ([10.0, 10.1], [10.1, 10.2], [9.9, 10.0])
SLOW = ([12.0, 12.1], [12.1, 12.2], [11.9, 12.0])


@pytest.mark.parametrize(
    ("first", "second", "verdict"),
    [
        (case("c", *STEADY), case("c", *STEADY), "same"),
        (case("c", *STEADY), case("c", *SLOW), "worse"),
        (case("c", *SLOW), case("c", *STEADY), "better"),
        (case("c", *STEADY, unit="/s"), case("c", *SLOW, unit="/s"), "better"),
        (case("c", *STEADY), case("c", *SLOW, noisy=True), "noisy"),
        (case("c", *STEADY), case("c", [9.0], [10.0], [11.5]), "cannot tell"),
        (case("c", [10.0]), case("c", [20.0]), "one round"),
        (case("c", *STEADY, stage="rtf"), case("c", *SLOW, stage="rtf"), "worse"),
    ],
)
def test_findings(first: Case, second: Case, verdict: str) -> None:
    found = compare(record(first), record(second))
    assert [change.verdict for change in found.changes] == [verdict]
    assert bool(found.regressions(5)) == (verdict == "worse")
    assert not found.regressions(25)
    assert str(found.rows()[0]["finding"]).startswith(verdict)


def test_same_is_what_lies_within_the_margin() -> None:
    one, two = record(case("c", [10.0], [10.1], [9.9])), record(case("c", [10.1], [10.2], [10.0]))
    (within,), (outside,) = compare(one, two, 0.10).changes, compare(one, two, 0.012).changes
    assert 1 / 1.1 < within.ratio.low < 1 < within.ratio.high < 1.1
    assert (within.verdict, outside.verdict) == ("same", "cannot tell")


def test_rounds_that_would_tell_do() -> None:
    first, second = [10.0, 10.1, 9.9], [10.4, 10.1, 10.3]
    rounds = rounds_to_decide(first, second, 0.03)
    assert rounds is not None
    assert rounds > 3

    def spread(values: list[float], n: int) -> list[float]:
        """So many rounds of the mean and the variance, on a logarithmic scale, of a few."""
        logs = np.log(values)
        drawn = np.resize([-1.0, 1.0], n)
        drawn -= drawn.mean()
        return list(np.exp(logs.mean() + drawn / drawn.std(ddof=1) * logs.std(ddof=1)))

    def decides(n: int) -> bool:
        found = ratio(spread(first, n), spread(second, n))
        return found.differs or max(1 / found.low, found.high) <= 1.03

    assert decides(rounds)
    assert not decides(rounds - 1)
    assert rounds_to_decide([5.0, 10.0, 20.0], [5.0, 10.0, 20.0], 0.001) is None


def test_what_is_not_compared() -> None:
    other = case("c", *SLOW, stage="rtf", request_sha256="b")
    with pytest.raises(OvwError, match="other options or other audio"):
        compare(record(case("c", *STEADY, stage="rtf", request_sha256="a")), record(other))
    with pytest.raises(OvwError, match="share no case"):
        compare(record(case("a", *STEADY), case("b", *STEADY)), record(case("c", *SLOW)))
    with pytest.raises(OvwError, match="nothing to compare"):
        compare(record(case("c", *STEADY)), record(case("c", *SLOW, status="crashed")))
    with pytest.raises(OvwError, match="record of ovw eval"):
        compare(record(), new_record("eval", {}))
    renamed = compare(record(case("a", *STEADY)), record(case("b", *SLOW)))
    assert renamed.changes[0].case == "a -> b"
    spoken = compare(record(case("c", *STEADY, text_sha256="a")), record(case("c", *SLOW, text_sha256="b")))
    assert "texts differ" in spoken.warnings[0]
    with pytest.raises(OvwError, match="texts differ"):
        compare(
            record(case("c", *STEADY, stage="rtf", text_sha256="a")),
            record(case("c", *SLOW, stage="rtf", text_sha256="b")),
        )


def test_many_intervals_hold_together() -> None:
    def many(stages: int) -> Record:
        return record(Case(name="c", metrics={f"s{n}": metric(*STEADY) for n in range(stages)}))

    widths = [compare(many(n), many(n)).changes[0].ratio for n in (1, 20)]
    assert widths[1].high > widths[0].high


def test_another_machine_is_told() -> None:
    first = record(case("c", *STEADY))
    other = first.environment.model_copy(update={"cpu": "another", "packages": {"openvino": "1"}})
    told = compare(first, first.model_copy(update={"environment": other})).warnings
    assert any("-> another" in line for line in told)
    assert any("-> 1" in line for line in told)


# configurations and the record


@pytest.mark.parametrize("path", sorted((ROOT / "configs" / "bench").glob("*.yaml")), ids=lambda path: path.stem)
def test_our_configurations(path: Path) -> None:
    resolve(BenchConfig, {}, path)


@pytest.mark.parametrize(
    ("values", "parts"),
    [
        ({"engines": ["fasterwhisper"]}, ["no engine 'fasterwhisper'", "did you mean 'faster-whisper'"]),
        ({"decoding": {"beam_size": 5}}, ["beam_size is an axis"]),
        ({"decoding": {"temprature": 0}}, ["did you mean 'temperature'"]),
        ({"limit": 3}, ["belong to a dataset"]),
        ({"stages": "encoder,decoder"}, ["'decoder'"]),
        ({"batch": "0"}, ["batch"]),
        ({"treads": 1}, ["did you mean 'threads'"]),
    ],
)
def test_refused_configurations(values: dict, parts: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        build(BenchConfig, values)
    for part in parts:
        assert part in str(caught.value)


def test_a_record_is_taken_up_by_the_same_request_only(tmp_path: Path) -> None:
    path, config = tmp_path / "new" / "r.json", BenchConfig(rounds=2)
    RecordJournal(config, path, {"m": "1"}).put(Case(name="c", facts={"rounds": 1}))
    more = RecordJournal(config.model_copy(update={"rounds": 9, "budget": 1.0}), path, {"m": "1"})
    assert more.cases["c"].facts == {"rounds": 1}
    assert config_of(path) == config.model_copy(update={"output": str(path)})
    for other, subjects, told in (
        (config.model_copy(update={"batch": (2,)}), {"m": "1"}, r"batch \[1\] there, \[2\] now"),
        (config, {"m": "2"}, "files of m '1' there, '2' now"),
    ):
        with pytest.raises(OvwError, match=told):
            RecordJournal(other, path, subjects)
        assert RecordJournal(other, path, subjects, force=True).cases == {}
    (tmp_path / "eval.json").write_text(json.dumps(new_record("eval", {}).model_dump(mode="json", exclude_none=True)))
    with pytest.raises(UsageError, match="no record of ovw bench"):
        config_of(tmp_path / "eval.json")
    for force in (False, True):
        with pytest.raises(OvwError, match="choose another file"):
            RecordJournal(config, tmp_path / "eval.json", {}, force=force)
    assert read_record(path).kind == "bench"


@pytest.mark.parametrize("force", [False, True])
def test_files_of_others_stay(tmp_path: Path, force: bool) -> None:
    (tmp_path / "package.json").write_text("{}")
    with pytest.raises(OvwError, match="schema version"):
        RecordJournal(BenchConfig(), tmp_path / "package.json", {}, force=force)
    (tmp_path / "r.md").write_text("mine")
    with pytest.raises(OvwError, match=r"r\.md exists and is not of this benchmark"):
        RecordJournal(BenchConfig(format=("json", "md")), tmp_path / "r.json", {}, force=force)
    config = BenchConfig(format=("json", "csv"))
    RecordJournal(config, tmp_path / "own.json", {}).note(x=1)
    (tmp_path / "own.csv").write_text("of the run before")
    assert RecordJournal(config, tmp_path / "own.json", {}, force=force).record.config["format"] == ["json", "csv"]


def test_percentiles_are_in_the_schema() -> None:
    full = metric([1.0]).model_copy(update={"percentiles": {"p50": 1.0}})
    assert Metric(**full.model_dump()) == full
