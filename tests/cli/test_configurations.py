"""Flags, configuration files and qualities: the requests that they make."""

from pathlib import Path

import pytest
import yaml
from support.command import ovw, refused
from support.tiny_whisper import ROOT

from ovw.cli.transcription.config import TranscribeConfig


def test_every_option_of_the_runner_is_a_flag() -> None:
    shown = ovw("transcribe", "--help").stdout
    for name in TranscribeConfig.model_fields:
        assert f"--{name.replace('_', '-')}" in shown, name


def test_a_value_may_look_like_an_option() -> None:
    shown = ovw("transcribe", "x.mp4", "--prefix", "-v", "--print-config").stdout
    assert yaml.safe_load(shown)["prefix"] == "-v"


def test_configurations_that_ship_go_by_their_names(tmp_path: Path) -> None:
    by_name = ovw("convert", "--config", "base", "--print-config", cwd=tmp_path).stdout
    assert by_name == ovw("convert", "--config", ROOT / "configs/convert/base.yaml", "--print-config").stdout
    line = refused("convert", "--config", "bas", code=2)
    assert "no configuration 'bas'. Hint: did you mean 'base'?" in line
    assert "give a .yaml file" in refused("transcribe", "x.mp4", "--config", "base", code=2)
    assert "did you mean 'quick'?" in refused("bench", "--config", "quik", code=2)


def test_print_config_merges_yaml_and_flags(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("beam_size: 2\nlanguage: de\nformat: vtt\n")
    out = ovw("transcribe", "x.mp4", "--config", tmp_path / "c.yaml", "--language", "fr", "--print-config").stdout
    resolved = yaml.safe_load(out)
    assert (resolved["beam_size"], resolved["language"], resolved["format"], resolved["best_of"]) == (
        2,
        "fr",
        ["vtt"],
        5,
    )
    out = ovw(
        "convert", "--config", ROOT / "configs/convert/two-precisions.yaml", "--size", "tiny", "--print-config"
    ).stdout
    resolved = yaml.safe_load(out)
    assert (resolved["size"], resolved["precision"], resolved["layout"]) == (["tiny"], ["fp32", "fp16"], ["genai"])


@pytest.mark.parametrize("path", sorted((ROOT / "configs" / "convert").glob("*.yaml")), ids=lambda p: p.name)
def test_shipped_configurations_are_valid(path: Path) -> None:
    ovw("convert", "--config", path, "--print-config")


@pytest.mark.parametrize(
    ("flags", "chosen"),
    [
        ((), {"beam_size": 5, "batch_size": 0, "exact": False}),
        (("--quality", "fast"), {"beam_size": 1, "batch_size": 0, "exact": False}),
        (("--quality", "fast", "--beam-size", "3"), {"beam_size": 3, "batch_size": 0, "exact": False}),
        (("--quality", "exact"), {"beam_size": 5, "batch_size": 0, "exact": True}),
        (("--exact", "--quality", "balanced"), {"quality": "balanced", "exact": True}),
        (("--no-speech-threshold", "none", "--quality", "fast"), {"no_speech_threshold": None, "beam_size": 1}),
        ((), {"condition_on_previous_text": None}),
        (("--condition-on-previous-text",), {"condition_on_previous_text": True, "batch_size": 0}),
        (("--no-condition-on-previous-text", "--batch-size", "4"), {"batch_size": 4}),
        (("--no-condition-on-previous-text",), {"condition_on_previous_text": False, "batch_size": 0}),
    ],
)
def test_quality_and_what_needs_windows_in_turn(flags: tuple[str, ...], chosen: dict) -> None:
    resolved = yaml.safe_load(ovw("transcribe", "x.mp4", *flags, "--print-config").stdout)
    assert {key: resolved[key] for key in chosen} == chosen


@pytest.mark.parametrize(
    ("flags", "megabytes"),
    [
        ((), 0.0),
        (("--embed-audio",), 4.0),
        (("--audio-limit", "2.5"), 2.5),
        (("--embed-audio", "--audio-limit", 0), 0.0),
    ],
)
def test_audio_of_a_report(flags: tuple[object, ...], megabytes: float) -> None:
    resolved = yaml.safe_load(ovw("report", "x.json", *flags, "--print-config").stdout)
    assert resolved["embed_audio"] == megabytes


@pytest.mark.parametrize(
    ("text", "flags", "chosen"),
    [
        ("beam_size: 5", ("--quality", "fast"), {"quality": "fast", "beam_size": 1}),
        ("quality: fast", ("--exact",), {"quality": "exact", "exact": True}),
        ("exact: true", ("--quality", "fast"), {"quality": "fast", "exact": False, "beam_size": 1}),
        ("quality: fast", (), {"quality": "fast", "beam_size": 1}),
        ("quality: fast", ("--beam-size", "3"), {"quality": "fast", "beam_size": 3}),
        ("exact: false", ("--quality", "exact"), {"quality": "exact", "exact": True}),
        ("quality: exact", ("--quality", "balanced"), {"quality": "balanced", "exact": False}),
        ("exact: true", (), {"quality": "exact", "exact": True}),
        ("quality: exact", ("--no-exact",), {"quality": "balanced", "exact": False}),
        ("{quality: exact, exact: true}", ("--no-exact",), {"quality": "balanced", "exact": False}),
        ("quality: fast", ("--no-exact",), {"quality": "fast", "exact": False, "beam_size": 1}),
        ("{quality: fast, beam_size: 3}", ("--quality", "balanced"), {"quality": "balanced", "beam_size": 3}),
    ],
)
def test_qualities_win_over_a_file(tmp_path: Path, text: str, flags: tuple[str, ...], chosen: dict) -> None:
    (tmp_path / "q.yaml").write_text(text, encoding="utf-8")
    done = ovw("transcribe", "x.mp4", "--config", tmp_path / "q.yaml", *flags, "--print-config")
    resolved = yaml.safe_load(done.stdout)
    assert {key: resolved[key] for key in chosen} == chosen


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--quality", "fast", "--exact"), "quality fast and exact contradict each other"),
        (("--quality", "exact", "--batch-size", "8"), "--exact goes with --batch-size 1 only"),
        (("--quality", "superb"), "superb"),
    ],
)
def test_qualities_that_cannot_be(flags: tuple[str, ...], message: str) -> None:
    assert message in ovw("transcribe", "x.mp4", *flags, code=2).stderr
