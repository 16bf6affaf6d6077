"""Which artifact `-m` means, and what is said where none is meant."""

from pathlib import Path

import pytest

from ovw.artifact.locate import default_artifact, locate, locate_or_default
from ovw.cli.ensure import missing_size
from ovw.errors import OvwError, UsageError, reason, unexpected
from ovw.models import full_name


def artifact(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text("{}")
    return folder


@pytest.mark.parametrize(
    ("short", "full"),
    [
        ("turbo-fp16", "large-v3-turbo-fp16"),
        ("large-int8", "large-v3-int8"),
        ("large-v3-fp16", "large-v3-fp16"),
        ("large-v3-turbo-fp16", "large-v3-turbo-fp16"),
        ("largest-fp16", "largest-fp16"),
        ("base-fp16", "base-fp16"),
    ],
)
def test_short_names(home: Path, short: str, full: str) -> None:
    assert full_name(short) == full
    made = artifact(home / "models" / full)
    assert locate(short) == made


@pytest.mark.parametrize("name", ["base", "openai/whisper-base", "whisper-base"])
def test_a_size_is_its_best_artifact(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    assert missing_size(name) == ("base", "fp16")
    with pytest.raises(UsageError, match="no artifact of base is installed") as refused:
        locate(name)
    assert refused.value.hint == "ovw convert --size base --fp16 makes one"
    for precision in ("int8-ptq", "fp16", "int8"):
        made = artifact(home / "models" / f"base-{precision}")
        assert locate(name) == made
    artifact(home / "models" / "base.en-int8")
    assert locate(name) == made
    assert missing_size(name) is None


def test_a_folder_beats_a_size_of_its_name(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    artifact(home / "models" / "base-int8")
    here = artifact(tmp_path / "openai" / "whisper-base")
    assert locate("openai/whisper-base").resolve() == here


def test_a_path_is_a_path(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    named, here = artifact(home / "models" / "base-fp16"), artifact(tmp_path / "base-fp16")
    assert locate("base-fp16") == named
    for spelled in ("./base-fp16", "base-fp16/", str(here), "../" + tmp_path.name + "/base-fp16"):
        assert locate(spelled).resolve() == here
        assert missing_size(spelled) is None
    with pytest.raises(UsageError, match=r"no artifact '\./tiny-fp16'"):
        locate("./tiny-fp16")
    assert missing_size("./tiny-fp16") is None


def test_the_default(home: Path) -> None:
    assert default_artifact() is None
    with pytest.raises(OvwError, match="no artifact is installed"):
        locate_or_default(None)
    small = artifact(home / "models" / "small-fp16")
    assert default_artifact() == locate_or_default(None) == small
    artifact(home / "models" / "tiny-fp16")
    assert default_artifact() is None
    with pytest.raises(UsageError, match="none of the installed artifacts is the default") as refused:
        locate_or_default(None)
    assert refused.value.hint == "name one with -m: small-fp16, tiny-fp16"
    base = artifact(home / "models" / "base-fp16")
    assert default_artifact() == base
    assert locate_or_default("small-fp16") == small


def test_what_could_be_made(home: Path) -> None:
    assert missing_size("turbo-fp32") == ("large-v3-turbo", "fp32")
    assert missing_size("base-random-fp16") is None
    assert missing_size(None) == ("base", "fp16")
    artifact(home / "models" / "large-v3-turbo-fp32")
    assert missing_size("turbo-fp32") is None


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (RuntimeError(""), "RuntimeError"),
        (RuntimeError("first\nlast\n\n"), "last"),
        (OSError(28, "No space left on device", "x"), "No space left on device"),
        (KeyError("dims"), "'dims' is missing"),
        (ValueError(), "ValueError"),
        (RuntimeError("The file might be corrupted."), "The file might be corrupted"),
        (RuntimeError("no 'abc..."), "no 'abc..."),
        (ValueError("1 error\n  too large\n    For further information visit https://x"), "too large"),
    ],
)
def test_reason(error: Exception, told: str) -> None:
    assert reason(error) == told


@pytest.mark.parametrize(
    ("error", "line"),
    [(RuntimeError("two\n lines"), "unexpected RuntimeError: two lines"), (ValueError(), "unexpected ValueError")],
)
def test_errors_nobody_foresaw_are_a_line(error: Exception, line: str) -> None:
    assert unexpected(error) == line
