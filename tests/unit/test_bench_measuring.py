"""Measuring: enough iterations, energy, what else the machine is busy with."""

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import openvino as ov
import psutil
import pytest

from ovw.benchmark.case import Timing
from ovw.benchmark.measuring import noise
from ovw.benchmark.measuring.clock import collect, timed
from ovw.benchmark.measuring.energy import EnergyMeter, collect_with_energy
from ovw.benchmark.measuring.layers import profile
from ovw.benchmark.measuring.noise import NoiseMeter
from ovw.benchmark.measuring.pace import Pace, fastest, measure_pace


def test_enough_iterations_and_seconds() -> None:
    def run() -> list[float]:
        return [0.25, 0.25]

    assert collect(run, Timing(iterations=5, seconds=0, warmup=2, limit=9), 9) == ([250.0] * 6, 2)
    assert len(collect(timed(lambda: None), Timing(iterations=3, seconds=0.01, warmup=0, limit=9), 9)[0]) > 3
    assert collect(run, Timing(iterations=99, seconds=9, warmup=99, limit=0), 0) == ([250.0] * 2, 0)


def test_energy_is_shared_by_the_iterations_that_ran() -> None:
    class Meter:
        def joules(self, work: Callable[[], object]) -> float:
            work()
            return 6.0

    timing = Timing(iterations=99, seconds=9, warmup=99, limit=0)
    assert collect_with_energy(lambda: [0.25, 0.25], timing, 0, Meter()) == ([250.0, 250.0], 3.0)


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


def test_pace() -> None:
    found = measure_pace()
    assert min(found.arithmetic, found.memory) > 1
    one, two = Pace(2000.0, 9000.0), Pace(1000.0, 10_000.0)
    assert fastest([one, two]) == Pace(2000.0, 10_000.0)
    assert one.slower_of(two) == Pace(1000.0, 9000.0)
    assert two.share_of(fastest([one, two])) == 0.5


class RunningMean:
    """A request whose profiling is as the CPU plugin's: the mean of all inferences."""

    def __init__(self) -> None:
        self.took: list[float] = []

    def infer(self, *milliseconds: float) -> None:
        self.took += milliseconds

    def get_profiling_info(self) -> list[SimpleNamespace]:
        mean = timedelta(milliseconds=sum(self.took) / len(self.took))
        done = ov.ProfilingInfo.Status.EXECUTED
        return [SimpleNamespace(status=done, node_name="n", node_type="MatMul", exec_type="brgemm", real_time=mean)]


def test_layers_are_of_a_whole_call_and_of_nothing_else() -> None:
    token, encoder = RunningMean(), RunningMean()
    key = ("n", "MatMul", "brgemm")
    found = profile(token, lambda: token.infer(3.0), first=lambda: token.infer(90.0))
    assert found[key] == pytest.approx(3.0, abs=0.01)
    windows = (10.0, 10.0, 10.0, 10.0)
    assert profile(encoder, lambda: encoder.infer(*windows), inferences=4)[key] == pytest.approx(sum(windows), abs=0.01)
