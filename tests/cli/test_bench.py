"""`ovw bench` as a user meets it, on a tiny random model."""

import csv
import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.command import OVW, ovw, refused
from support.speech_files import librispeech
from support.tiny_whisper import tiny_once

from ovw.convert.pipeline import Converted
from ovw.record import new_record, read_record, write_record

SHORT = {
    "rounds": 1, "iterations": 2, "seconds": 0, "warmup": 1, "cache": [0, 20], "memory": False, "roofline": False,
    "timeout": 300, "decoding": {"temperature": 0, "max_new_tokens": 4, "no_speech_threshold": None, "vad": False},
}  # fmt: skip
GRAPHS = {"load", "compile", "first_inference", "mel", "encoder", "throughput", "prefill", "token_0", "token_20", "detokenize"}  # fmt: skip
RUNNER = {"runner_encoder", "runner_prefill", "runner_token_0", "runner_token_20"}
"""Stages of the graphs that the runner makes."""


@pytest.fixture(autouse=True)
def models(warm_home: Path, tiny: Converted) -> Path:
    """A home with the tiny artifact under its name."""
    (warm_home / "models").mkdir(parents=True)
    (warm_home / "models" / "tiny-random").symlink_to(tiny.folder)
    return warm_home


def request(tmp_path: Path, **values: object) -> list[object]:
    """The options of a short run, as a configuration file."""
    path = tmp_path / f"{len(list(tmp_path.iterdir()))}.yaml"
    path.write_text(json.dumps(SHORT | values), encoding="utf-8")
    return ["--config", path]


def test_everything_of_one_artifact(tmp_path: Path) -> None:
    out = tmp_path / "r.json"
    options = request(tmp_path, memory=True, roofline=True, layers=True)
    done = ovw("bench", "-m", "tiny-random", *options, "-o", out, "-f", "csv", "-f", "md")
    assert done.stdout.splitlines()[-1] == str(out)
    record = read_record(out)
    (case,) = record.cases
    assert set(case.metrics) >= GRAPHS | RUNNER | {"latency", "rtf", "peak_rss", "weights_share", "encoder_roofline"}
    assert case.artifact is not None
    encoder = case.metrics["encoder"]
    assert (len(encoder.samples), encoder.unit, set(encoder.percentiles)) == (2, "ms", {"p50", "p90", "p95", "p99"})
    assert case.facts["tokens"] > 0
    assert case.facts["encoder_precision"] in ("f32", "bf16", "f16")
    assert {case.facts[f"{graph}_{key}"] for graph in ("encoder", "decoder") for key in ("streams", "requests")} == {1}
    assert case.facts["encoder_threads"] >= 1
    assert case.config["device"] == "CPU"
    assert record.facts["peaks"]["CPU"]["gflops"]["f32"] > 0
    assert {row["stage"] for row in record.tables["layers"]} == {"encoder", "token", "runner_encoder", "runner_token"}
    assert record.tables["roofline"][0]["percent"] > 0
    for words in ("token at cache 20", "of the roof", "layers of encoder", "peaks of CPU"):
        assert words in done.stdout
    rows = list(csv.DictReader(out.with_suffix(".csv").read_text(encoding="utf-8").splitlines()))
    assert {row["metric"] for row in rows} == set(case.metrics)
    assert "| tiny-random |" in out.with_suffix(".md").read_text(encoding="utf-8")


def test_a_record_is_taken_up(tmp_path: Path) -> None:
    out, options = tmp_path / "r.json", request(tmp_path, stages="mel,prefill")
    bench = ["bench", "-m", "tiny-random", *options, "-o", out]
    ovw(*bench)
    first = read_record(out).cases[0].metrics["mel"]
    ovw(*bench)
    assert read_record(out).cases[0].metrics["mel"] == first
    ovw("bench", "--resume", out, "--rounds", 3, "-q")
    (case,) = read_record(out).cases
    assert case.metrics["mel"].samples[:2] == first.samples
    assert case.metrics["mel"].rounds == (2, 2, 2)
    assert "holds another benchmark: batch [1] there, [2] now" in refused(*bench, "--batch", 2, code=1)
    assert "leave out all but" in refused("bench", "--resume", out, "--batch", 2, code=2)
    assert "--force begins anew" in refused("bench", "--resume", out, "--force", code=2)
    assert read_record(out).cases == (case,)

    table = ovw("bench", "compare", out, out).stdout
    assert "1.000" in table
    assert "same" in table or "noisy" in table
    found = json.loads(ovw("bench", "compare", out, out, "-f", "json", "--max-regression", 1).stdout)
    assert {change["metric"] for change in found["changes"]} == {"mel", "prefill"}

    data = json.loads(out.read_text(encoding="utf-8"))
    data["cases"][0]["facts"] |= {"noisy": False, "slowed": None}
    for name in ("mel", "prefill"):
        data["cases"][0]["metrics"][name]["samples"] = [1.0, 1.01, 1.0, 1.01, 1.0, 1.01]
    (tmp_path / "fast.json").write_text(json.dumps(data), encoding="utf-8")
    data["cases"][0]["metrics"]["mel"]["samples"] = [2.0, 2.01, 2.0, 2.01, 2.0, 2.01]
    (tmp_path / "slow.json").write_text(json.dumps(data), encoding="utf-8")
    pair = ["bench", "compare", tmp_path / "fast.json", tmp_path / "slow.json", "--max-regression", 5]
    worse = ovw(*pair, code=1)
    assert "slower by more than 5 %: tiny-random mel +99" in worse.stderr
    assert "prefill" not in worse.stderr
    ovw("bench", "compare", tmp_path / "slow.json", tmp_path / "fast.json", "--max-regression", 5)
    del data["cases"][0]["metrics"]["mel"]
    (tmp_path / "less.json").write_text(json.dumps(data), encoding="utf-8")
    pair[3] = tmp_path / "less.json"
    assert "not measured in the second record: tiny-random mel" in ovw(*pair, code=1).stderr
    assert "missing in the second record: mel" in ovw(*pair[:4], "-f", "csv").stderr
    assert "--max-regression nan" in refused(*pair[:4], "--max-regression", "nan", code=2)


def test_sweeps(tmp_path: Path) -> None:
    out = tmp_path / "r.json"
    options = request(tmp_path, stages="encoder,token", cache=[0, 440])
    ovw("bench", *options, "--batch", "1,2", "--shapes", "artifact,static", "--frames", 200, "--threads", 1, "-o", out)
    cases = read_record(out).cases
    axes = [f"{shapes}frames=200{batch}" for shapes in ("", "shapes=static ") for batch in ("", " batch=2")]
    assert [case.name for case in cases] == [f"tiny-random threads=1 {more}" for more in axes]
    for case in cases:
        assert "more than" in case.facts["left_out"]["token_440"]
        assert set(case.metrics) == {"encoder", "token_0"}


def script(path: Path, body: str) -> str:
    """Something to run in an interpreter's place."""
    path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IEXEC)
    return path.name


def test_what_ends_badly_is_recorded_and_the_rest_goes_on(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    peers = [
        {"name": "openvino-genai", "model": "model", "precision": "crash", "python": script(tmp_path / "a", "kill -SEGV $$")},
        {"name": "openvino-genai", "model": "model", "precision": "hang", "python": script(tmp_path / "b", "sleep 600")},
        {"name": "openvino-genai", "model": "model", "precision": "big", "python": script(tmp_path / "c", "echo std::bad_alloc; exit 1")},
        {"name": "faster-whisper", "model": "model", "python": script(tmp_path / "d", 'echo \'{"missing": "faster_whisper"}\' > "$2"; exit 1')},
        {"name": "optimum-intel", "model": "model", "python": "none"},
        "openvino",
        "onnxruntime",
    ]  # fmt: skip
    out = tmp_path / "r.json"
    options = request(tmp_path, engines=peers, peers=str(tmp_path), stages="pipeline", timeout=20, rounds=2)
    done = ovw("bench", *options, "-o", out, code=1)
    assert "3 of 5 cases failed" in done.stderr.splitlines()[-1]
    record = read_record(out)
    assert {case.name: case.facts["status"] for case in record.cases} == {
        "openvino-genai model crash": "crashed",
        "openvino-genai model hang": "hang",
        "openvino-genai model big": "out of memory",
        "faster-whisper model": "missing",
        "tiny-random": "done",
    }
    assert record.cases[-1].facts["rounds"] == 2
    assert "-m pip install faster-whisper" in done.stdout
    left_out = record.facts["left_out"]
    assert "no interpreter" in left_out["optimum-intel"]
    assert "onnx" in left_out["onnxruntime"]


def test_peers_hear_the_same_clips(tmp_path: Path, tiny: Converted, tiny_pt: Path) -> None:
    onnx = tiny_once(layout="onnx")
    root, out = librispeech(tmp_path), tmp_path / "r.json"
    engines = [
        "openvino",
        {"name": "onnxruntime", "model": str(onnx.folder)},
        {"name": "pytorch", "model": str(tiny_pt)},
        {"name": "openvino-genai", "model": str(tiny.folder)},
    ]
    options = request(tmp_path, engines=engines, stages="pipeline", dataset="librispeech", memory=True)
    done = ovw("bench", "-m", "tiny-random", *options, "--data", root, "--limit", 2, "-o", out)
    cases = {case.config["engine"]: case for case in read_record(out).cases}
    assert set(cases) == {"openvino", "onnxruntime", "pytorch", "openvino-genai"}
    for case in cases.values():
        assert case.facts["status"] == "done", case.facts
        assert set(case.metrics) >= {"rtf", "latency", "peak_rss", "wer"}
        assert len(case.metrics["latency"].samples) == 2
    for column in ("engine", "precision", "beam", "RTF", "p50", "p95", "peak RSS", "WER"):
        assert column in done.stdout
    table = read_record(out).tables["hypotheses"]
    assert [row["language"] for row in table] == ["en"] * 8
    assert {row["reference"] for row in table if row["case"] == "tiny-random"} == {"HE BEGAN A CONFUSED COMPLAINT", "GIVE NOT SO EARNEST A MIND"}  # fmt: skip


def test_interrupted_and_taken_up(tmp_path: Path) -> None:
    out, options = tmp_path / "r.json", request(tmp_path, stages="mel", rounds=3)
    command = [*OVW, "bench", "-m", "tiny-random", *map(str, options), "-o", str(out)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and not (out.exists() and read_record(out).cases):
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    said, errors = process.communicate(timeout=120)
    assert process.returncode == 130, errors
    assert f"--resume {out} goes on" in errors
    assert "tiny-random" in said
    kept = read_record(out)
    assert kept.facts["interrupted"]
    assert kept.facts["left_out"]["tiny-random"].endswith("of 3 rounds")
    ovw("bench", "--resume", out)
    whole = read_record(out)
    assert not whole.facts["interrupted"]
    assert whole.facts["left_out"] == {}
    assert whole.cases[0].metrics["mel"].rounds == (2, 2, 2)
    assert whole.cases[0].metrics["mel"].samples[:2] == kept.cases[0].metrics["mel"].samples[:2]


def test_good_rounds_before_a_failed_one_are_kept(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    done = '{"stage": "rtf", "unit": "1", "samples": [0.%s]}'
    body = f"""n=$(cat {tmp_path}/n 2>/dev/null); echo "1$n" > {tmp_path}/n
    echo '{done % 5}' > "$2"; [ "$n" != 11 ] || kill -SEGV $$; echo '{{"done": true}}' >> "$2" """
    peer = {"name": "faster-whisper", "model": "model", "python": script(tmp_path / "a", body)}
    out = tmp_path / "r.json"
    options = request(tmp_path, engines=[peer], peers=str(tmp_path), stages="pipeline", rounds=4)
    ovw("bench", *options, "-o", out, code=1)
    (failed,) = read_record(out).cases
    assert (failed.facts["status"], failed.metrics["rtf"].rounds) == ("crashed", (1, 1, 1))
    ovw("bench", "--resume", out)
    (case,) = read_record(out).cases
    assert (case.facts["status"], case.facts["rounds"], case.metrics["rtf"].rounds) == ("done", 4, (1, 1, 1, 1))
    assert (tmp_path / "n").read_text(encoding="utf-8") == "11111\n"  # two rounds were run again
    assert "reason" not in case.facts

    for where, values, message in (
        (["facts"], {"peaks": {"CPU": 5}}, "cannot be shown"),
        (["cases", 0, "facts"], {"rounds": "x"}, "cannot be continued"),
        (["facts"], {"subjects": 5}, "cannot be continued"),
    ):
        data = json.loads(out.read_text(encoding="utf-8"))
        part = data
        for key in where:
            part = part[key]
        part |= values
        damaged = tmp_path / "damaged.json"
        damaged.write_text(json.dumps(data), encoding="utf-8")
        assert f"{damaged} {message}: " in refused("bench", "--resume", damaged, code=1)
    data = json.loads(out.read_text(encoding="utf-8"))
    data["facts"]["pace"]["memory"] = 0
    damaged.write_text(json.dumps(data), encoding="utf-8")
    assert f"{damaged}, {out} cannot be compared: " in refused("bench", "compare", damaged, out, code=1)


def test_no_time_for_everything(tmp_path: Path, models: Path, tiny: Converted) -> None:
    (models / "models" / "tiny-twin").symlink_to(tiny.folder)
    out = tmp_path / "r.json"
    done = ovw("bench", *request(tmp_path, stages="mel", rounds=50), "--budget", 6, "-o", out)
    assert "left out: tiny-random: " in done.stdout
    rounds = read_record(out).cases[0].facts["rounds"]
    assert 1 <= rounds < 50
    assert f"left out: tiny-random: {50 - rounds} of 50 rounds" in done.stdout


def test_nothing_was_measured(tmp_path: Path) -> None:
    options = request(
        tmp_path, engines=[{"name": "optimum-intel", "model": "model", "python": "none"}], stages="pipeline"
    )
    done = ovw("bench", *options, "-o", tmp_path / "r.json", code=1)
    assert "left out: optimum-intel: " in done.stdout
    assert done.stderr.splitlines()[-1].startswith("ovw: nothing was measured.")


def test_without_a_home_of_artifacts(tmp_path: Path) -> None:
    assert "ovw convert" in refused("bench", code=1, home=tmp_path / "empty")


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["--device", "NPU.7"], ["no device 'NPU.7'", "this machine has CPU"]),
        (["--config", "quik"], ["no configuration 'quik'", "did you mean 'quick'"]),
        (["-m", "base"], ["no artifact of base is installed"]),
        (["--engine", "whisper.cpp"], ["no engine 'whisper.cpp'"]),
        (["--hint", "fast"], ["hint"]),
        (["--budget", "long"], ["not a number"]),
        (["--stages", "decode"], ["--stages 'decode': should be"]),
        (["--resume", "r.json", "--seconds", "1"], ["leave out all but --rounds, --budget and --timeout"]),
    ],
)
def test_refusals(arguments: list[str], parts: list[str]) -> None:
    line = refused("bench", *arguments, code=2)
    for part in parts:
        assert part in line


def test_what_may_change_when_a_record_is_continued(tmp_path: Path) -> None:
    out = tmp_path / "r.json"
    write_record(new_record("bench", {"models": ["a"], "rounds": 2}), out)
    options = ("--rounds", 3, "--budget", 60, "--timeout", 90)
    shown = ovw("bench", "--resume", out, *options, "--print-config").stdout
    for line in ("models:\n- a\n", "rounds: 3\n", "budget: 60.0\n", "timeout: 90.0\n"):
        assert line in shown


def test_print_config() -> None:
    out = ovw("bench", "--config", "decoder-sweep", "--threads", "1,2", "--print-config").stdout
    assert "batch:\n- 1\n- 5\n- 8\n" in out
    assert "threads:\n- 1\n- 2\n" in out
    quick = ovw("bench", "--print-config").stdout
    assert "budget: 180.0\n" in quick
    assert "budget: null\n" in ovw("bench", "--budget", "none", "--print-config").stdout


def test_records_that_cannot_be_compared(tmp_path: Path) -> None:
    assert "cannot be read" in refused("bench", "compare", tmp_path / "a.json", tmp_path / "b.json", code=1)


@pytest.mark.parametrize("options", [["--json"], ["-q"], ["-m", "base"], ["--no-memory"], ["--force"]])
def test_options_in_front_of_compare(options: list[str]) -> None:
    assert " stands in front of compare" in refused("bench", *options, "compare", "a.json", "b.json", code=2)


def test_a_peer_needs_nothing_but_numpy(tmp_path: Path) -> None:
    """The folder that runs peers loads in an interpreter that cannot see ovw."""
    import numpy as np

    import ovw.engines.standalone as standalone

    folder = Path(standalone.__path__[0])
    np.save(tmp_path / "0.npy", np.zeros(16000, np.float32))
    job = {
        "engine": "faster-whisper", "module": "faster", "model": "x", "precision": None, "device": {"device": "CPU", "threads": 0, "precision": None},
        "beam_size": 1, "batch_size": 1, "language": "en", "task": "transcribe", "options": {"temperature": [0.0]}, "decoding": {},
        "clips": [str(tmp_path / "0.npy")], "seconds": 0, "limit": 9, "offline": False,
    }  # fmt: skip
    hide = "import sys; sys.modules.update(dict.fromkeys(('ovw', 'faster_whisper'))); import runpy; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
    done = subprocess.run(
        [sys.executable, "-c", hide, str(folder), str(tmp_path / "out.jsonl")],
        input=json.dumps(job), text=True, capture_output=True, env=os.environ | {"PYTHONSAFEPATH": ""},
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert json.loads((tmp_path / "out.jsonl").read_text(encoding="utf-8")) == {"missing": "faster_whisper"}
