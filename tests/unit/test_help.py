"""`--help`: groups, choices, sentences."""

import re
from typing import Any, get_args

import pytest
import typer
from support.command import ovw

from ovw.artifact.layouts import LAYOUTS
from ovw.artifact.manifest import show_range
from ovw.artifact.precisions import PRECISIONS
from ovw.benchmark.config import STAGES, BenchConfig, EngineEntry
from ovw.cli import bench
from ovw.cli.app import app
from ovw.cli.report import EMBED_MB
from ovw.cli.transcription.config import TranscribeConfig
from ovw.cli.values import config_file
from ovw.config import resolve
from ovw.convert.config import ConvertConfig
from ovw.convert.graphs.shapes import Bounds
from ovw.datasets.resolve import DatasetOptions
from ovw.engines.registry import ENGINES
from ovw.evaluate.config import EvalConfig
from ovw.models import find_size
from ovw.network import is_offline
from ovw.report.config import ReportConfig
from ovw.subtitles import FORMATS
from ovw.subtitles.options import DEFAULT_LINES
from ovw.ui.config import UiConfig


def options() -> dict[tuple[str, str], Any]:
    """(verb, option) -> it."""
    top = typer.main.get_command(app)
    verbs = {"": top, **top.commands, "compare": top.commands["bench"].commands["compare"]}
    return {
        (verb, param.name): param
        for verb, command in verbs.items()
        for param in command.get_params(typer.Context(command))
        if param.param_type_name == "option"
    }


OPTIONS = options()


def test_every_verb_logs() -> None:
    assert {verb for verb, name in OPTIONS if name == "verbose"} == {verb for verb, _ in OPTIONS}


def test_every_verb_obeys_offline_as_it_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    obeying = {verb: option for (verb, name), option in OPTIONS.items() if name == "offline"}
    assert {*obeying} == {"align", "bench", "convert", "eval", "transcribe", "verify"}
    for verb, option in obeying.items():
        monkeypatch.setenv("OVW_OFFLINE", "0")
        monkeypatch.setenv("HF_HUB_OFFLINE", "0")
        assert option.process_value(typer.Context(typer.main.get_command(app)), False) is False
        assert not is_offline(hub=True), verb
        assert option.process_value(typer.Context(typer.main.get_command(app)), True) is True
        assert is_offline(), verb


def test_every_option_is_described_in_sentences() -> None:
    for name, option in OPTIONS.items():
        assert option.help[0].isalnum(), name
        assert option.help.endswith("."), name
        assert len(option.help.split()) >= 2, name


def literals(annotation: Any) -> list[str]:
    """The strings that a field takes."""
    if isinstance(annotation, str):
        return [annotation]
    return [text for part in get_args(annotation) for text in literals(part)]


def test_choices_are_those_of_the_configurations() -> None:
    fixed = {
        ("transcribe", "formats"): [*FORMATS, "all"],
        ("align", "formats"): [*FORMATS, "all"],
        ("convert", "layout"): [*LAYOUTS],
        ("convert", "precision"): [*PRECISIONS],
        ("reshape", "shapes"): ["dynamic", "bounded", "static"],
        ("bench", "engine"): [name for name, row in ENGINES.items() if row.models != "own"],
        ("bench", "formats"): ["json", "csv", "md", "html"],
        ("report", "formats"): ["html", "svg", "png", "md"],
        ("compare", "formats"): ["table", "json", "csv", "md"],
    }
    configs = {"transcribe": TranscribeConfig, "align": TranscribeConfig, "convert": ConvertConfig, "eval": EvalConfig}
    seen = 0
    for (verb, name), option in OPTIONS.items():
        if option.metavar and "|" in option.metavar:
            shown = option.metavar.strip("<>").split("|")
            taken = fixed.get((verb, name)) or literals(configs[verb].model_fields[name].annotation)
            assert shown == taken, (verb, name)
            seen += 1
    assert seen >= 20


def test_lists_within_descriptions_are_those_of_the_configuration() -> None:
    for stage in STAGES:
        assert stage in OPTIONS["bench", "stages"].help
    for name in ("hint", "inference_precision", "shapes"):
        for value in literals(BenchConfig.model_fields[name].annotation):
            assert value in OPTIONS["bench", name].help


CONFIGURATIONS = {
    "transcribe": TranscribeConfig(),
    "align": TranscribeConfig(),
    "convert": ConvertConfig(size="base").model_copy(update={"size": ()}),
    "eval": EvalConfig(dataset="bundled"),
    "bench": resolve(BenchConfig, {}, config_file("bench", "quick")),
    "report": ReportConfig(records=("record.json",)),
    "ui": UiConfig(),
}
DIMS = find_size("base").dims
SHAPES = Bounds(shapes="bounded").resolve(DIMS, "stateless")
SETTLED_LATER = {
    ("transcribe", "max_new_tokens"): DIMS.n_text_ctx // 2,
    ("transcribe", "max_lines"): DEFAULT_LINES,
    ("align", "max_lines"): DEFAULT_LINES,
    ("convert", "fp16"): CONFIGURATIONS["convert"].precision,
    **{(verb, "tokens"): show_range(*SHAPES.tokens) for verb in ("convert", "reshape")},
    **{(verb, "cache"): show_range(*SHAPES.cache) for verb in ("convert", "reshape")},
    **{(verb, "frames"): show_range(*SHAPES.frames) for verb in ("convert", "reshape")},
    ("bench", "config"): bench.DEFAULT,
    ("eval", "workers"): 1,
    ("report", "audio_limit"): EMBED_MB,
}
"""Defaults that are not those of a field."""
UNNAMED = {
    ("transcribe", "prepend_punctuations"),
    ("transcribe", "append_punctuations"),
    ("convert", "precision"),
    ("transcribe", "min_cue"),
    ("transcribe", "min_gap"),
    ("bench", "timeout"),
    ("bench", "stages"),
    ("bench", "formats"),
    ("report", "embed_audio"),
}
"""Options whose help has no room for their default, or describes it otherwise, or another option's does."""
NAMED_DEFAULT = re.compile(
    r"Default (\S+?)[.:;,]?(?:\s|$)"  # Default 5.  Default 0: all cores.
    r"|Default: (yes|no|[a-z]+:[a-z]+)\b"
    r"|\(quick: ([\d.]+)\)"
    r"|(\w+) \((?:the )?default\b"  # Transcribe (the default), or ...
    r"|(\w+), the default\b"
    r"|By default \((\w+)\)"
    r"|: (default) \("  # the value of that name
)


def named_default(text: str) -> str | None:
    """The default that a description names; `None` where it names none, or describes it."""
    found = NAMED_DEFAULT.search(text)
    return next(filter(None, found.groups())).lower() if found else None


def as_in_help(value: Any) -> str | None:
    """The default of a field as descriptions have it; `None` where it is empty or off."""
    match value:
        case None | False | ():
            return None
        case True:
            return "yes"
        case float():
            return f"{value:g}"
        case tuple():
            return ",".join(filter(None, map(as_in_help, value)))
        case EngineEntry():
            return value.name
        case DatasetOptions():
            return f"{value.dataset}:{value.split}"
    return str(value).lower()


def test_defaults_are_those_of_the_configurations() -> None:
    keys = {"formats": "format", "engine": "engines"}
    wrong, named = {}, set()
    for (verb, name), option in OPTIONS.items():
        shown, field = named_default(option.help), keys.get(name, name)
        value = SETTLED_LATER.get((verb, name), getattr(CONFIGURATIONS.get(verb), field, None))
        if shown:
            named.add((verb, name))
        if shown != as_in_help(value) and (shown or (verb, name) not in UNNAMED):
            wrong[verb, name] = (shown, value)
    assert wrong == {}
    assert named.isdisjoint(UNNAMED)
    assert named.issuperset(SETTLED_LATER)
    assert len(named) >= 80


def test_options_stand_in_groups() -> None:
    shown = ovw("transcribe", "--help").stdout
    groups = [line[:-1] for line in shown.splitlines() if line.endswith(":") and line[0] != " "]
    assert groups == [
        "Arguments", "Options", "Output", "Decoding", "Subtitles", "Speech detection", "Input", "Speed",
    ]  # fmt: skip
    assert "--batch-\n" not in shown


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("ovw tr", {"transcribe"}),
        ("ovw transcribe --lang", {"--language", "--language-detection-segments", "--language-detection-threshold"}),
        ("ovw convert --precision int8", {"int8", "int8-ptq"}),
        ("ovw bench compare a b -f m", {"md"}),
    ],
)
def test_the_shell_completes(words: str, offered: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_OVW_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split()) - 1))
    assert set(ovw().stdout.split()) == offered


def test_the_shell_completes_the_names_of_artifacts(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "models" / "base-fp16").mkdir(parents=True)
    monkeypatch.setenv("_OVW_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "ovw transcribe -m b")
    monkeypatch.setenv("COMP_CWORD", "3")
    assert ovw(home=tmp_path).stdout.split() == ["base-fp16"]
