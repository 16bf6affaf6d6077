"""Every option of a verb reaches its configuration, and wins over a file."""

from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from support.command import ovw

from ovw.benchmark.config import BenchConfig
from ovw.cli.app import app
from ovw.cli.transcription.config import TranscribeConfig
from ovw.config import Config
from ovw.convert.config import ConvertConfig
from ovw.evaluate.config import EvalConfig
from ovw.report.config import ReportConfig
from ovw.ui.config import UiConfig

VERBS: dict[str, tuple[type[Config], tuple[str, ...]]] = {
    "transcribe": (TranscribeConfig, ("talk.mp4",)),
    "convert": (ConvertConfig, ("--size", "base")),
    "eval": (EvalConfig, ("bundled",)),
    "bench": (BenchConfig, ()),
    "report": (ReportConfig, ("record.json",)),
    "ui": (UiConfig, ()),
}
"""Verbs that take `--config`, with a request that is enough."""
NO_KEYS = {"config", "print_config", "quiet", "verbose", "help"}
"""Options of verbs that take `--config` that no file sets."""
OTHER_OPTIONS = {
    "transcribe": {"offline", "yes", "temperature_increment_on_fallback"},
    "convert": {"fp16", "fp32", "int8"},
    "eval": {"offline", "yes"},
    "bench": {"force", "json_", "offline", "resume"},
    "report": {"audio_limit"},
    "ui": set(),
}
RENAMED = {("bench", "model"): "models", ("bench", "engine"): "engines"}


def options(verb: str) -> dict[str, Any]:
    """Key of the configuration -> option."""
    command = typer.main.get_command(app).commands[verb]
    keys = {param.name: param for param in command.get_params(typer.Context(command)) if hasattr(param, "is_flag")}
    return {RENAMED.get((verb, name), "format" if name == "formats" else name): option for name, option in keys.items()}


SWITCHES = [
    (verb, key)
    for verb, (config, _) in VERBS.items()
    for key, option in options(verb).items()
    if option.is_flag and key in config.model_fields
]


def test_these_verbs_take_files() -> None:
    assert {verb for verb in typer.main.get_command(app).commands if "config" in options(verb)} == {*VERBS}


@pytest.mark.parametrize("verb", VERBS)
def test_options_are_keys_of_the_configuration(verb: str) -> None:
    assert options(verb).keys() - VERBS[verb][0].model_fields.keys() - NO_KEYS == OTHER_OPTIONS[verb]


def test_switches_of_every_verb() -> None:
    assert {verb for verb, _ in SWITCHES} == VERBS.keys() - {"ui"}
    assert len(SWITCHES) >= 25


@pytest.mark.parametrize(("verb", "key"), SWITCHES)
def test_a_negative_wins_over_a_file(tmp_path: Path, verb: str, key: str) -> None:
    config, request = VERBS[verb]
    on = 3.0 if config.model_fields[key].annotation is float else True
    (tmp_path / "on.yaml").write_text(yaml.safe_dump({key: on}), encoding="utf-8")
    flags = (f"--no-{key.replace('_', '-')}", "--config", tmp_path / "on.yaml", "--print-config")
    resolved = yaml.safe_load(ovw(verb, *request, *flags, home=tmp_path).stdout)
    assert resolved[key] == type(on)(0)


@pytest.mark.parametrize("key", ["exact: true", "quality: exact"])
def test_flags_that_contradict_exact_in_a_file(tmp_path: Path, key: str) -> None:
    (tmp_path / "exact.yaml").write_text(f"{key}\nvad: true\nthreads: 2\n", encoding="utf-8")
    given = ("transcribe", "x.wav", "--config", tmp_path / "exact.yaml", "--print-config")
    for flags, wanted in ((("--vad",), "--no-vad"), (("--batch-size", "4"), "--batch-size 1")):
        assert f"--exact goes with {wanted} only" in ovw(*given, *flags, code=2, home=tmp_path).stderr
    assert ovw(*given, "--vad", "--no-exact", home=tmp_path)
    assert ovw(*given, "--threads", "3", home=tmp_path)


def test_flags_that_contradict_exact_in_a_file_of_eval(tmp_path: Path) -> None:
    (tmp_path / "exact.yaml").write_text("exact: true", encoding="utf-8")
    run = "models: [tiny]\ndatasets: [{dataset: fleurs}]\ndefaults: {exact: true}\noutput: runs\n"
    (tmp_path / "matrix.yaml").write_text(run, encoding="utf-8")
    for request in (("fleurs", "--config", tmp_path / "exact.yaml", "--print-config"), (tmp_path / "matrix.yaml",)):
        done = ovw("eval", *request, "--batch-size", "4", code=2, home=tmp_path)
        assert "--exact goes with --batch-size 1 only" in done.stderr
