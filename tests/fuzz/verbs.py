"""Whole verbs over damaged files: a code and a message of ours, and no result that is wrong without a word."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import re
import shutil
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

from support.tiny_whisper import SELFTEST_CLIP

from ovw.cli.app import main
from ovw.home import compiled_dir
from ovw.parsing import from_json

QUICK = ("--temperature", "0", "--max-new-tokens", "4", "--language", "en", "--beam-size", "1")
UNEXPECTED = r"Traceback|unexpected \w+: "
"""In messages of errors that are not ours."""
EVAL = "temperature: 0\nmax_new_tokens: 4\nlanguage: en\n"


class Wrong(Exception):  # noqa: N818
    """A damaged file that was called good, a message that is none."""


def run(*args: object) -> tuple[int, str, str]:
    """A verb in this process: its code, its output and its messages, which are no traceback."""
    kept, code, shown, errors = sys.argv, 0, io.StringIO(), io.StringIO()
    sys.argv = ["ovw", *map(str, args)]
    try:
        with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(errors):
            main()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    finally:
        sys.argv = kept
    text = errors.getvalue()
    if code not in (0, 1, 2) or re.search(UNEXPECTED, text) or (code and not text.strip()):
        raise Wrong(f"exit code {code}: {text[-2000:]}")
    return code, shown.getvalue(), text


def _outcome(code: int, warned: str) -> str:
    return "refused" if code else "warned" if warned.strip() else "accepted"


def _corpus(whole: Path) -> Path:
    return next(folder for folder in whole.parents if (folder / "artifact" / "manifest.json").is_file())


def _subtitles(artifact: Path, folder: Path) -> tuple[int, str, str]:
    """The code, the text of the bundled sentence, and the messages."""
    code, _, text = run("transcribe", SELFTEST_CLIP, "-m", artifact, "-o", folder, "-f", "txt", *QUICK)
    return code, "" if code else (folder / "selftest.txt").read_text(encoding="utf-8"), text


@cache
def _expected(artifact: Path) -> str:
    folder = artifact.parent / "expected"
    shutil.rmtree(folder, ignore_errors=True)
    return _subtitles(artifact, folder)[1]


def _transcribe(path: Path, whole: Path) -> str:
    code, _, text = run("transcribe", path, "-m", _corpus(whole) / "artifact", "-o", path.parent / "out", *QUICK)
    return _outcome(code, text)


def _transcribe_artifact(path: Path, whole: Path) -> str:
    code, words, text = _subtitles(path.parent, path.parent.parent / "out")
    if not code and not text.strip() and words != _expected(whole.parent):
        raise Wrong(f"{path.name} is damaged: {words!r}, expected {_expected(whole.parent)!r}")
    return _outcome(code, text)


def seal(path: Path) -> None:
    """Give a manifest the hashes of what was changed around it, or of itself."""
    manifest = path.with_name("manifest.json")
    with contextlib.suppress(Exception):  # a manifest that is past it
        data = from_json(manifest.read_text(encoding="utf-8"))
        data.pop("contents_sha256", None)
        if path != manifest:
            content = path.read_bytes()
            data["files"][path.name] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        manifest.write_text(json.dumps(data), encoding="utf-8")


def _transcribe_sealed(path: Path, whole: Path) -> str:
    """Whatever its files ask for, in a few words."""
    seal(path)
    return _transcribe_foreign(path, whole)


def _transcribe_foreign(path: Path, whole: Path) -> str:
    return _outcome(*_subtitles(path.parent, path.parent.parent / "out")[::2])


def _verify_sealed(path: Path, whole: Path) -> str:
    seal(path)
    return _verify_foreign(path, whole)


def _verify_foreign(path: Path, whole: Path) -> str:
    return _outcome(*run("verify", path.parent)[::2])


def _transcribe_blob(path: Path, whole: Path) -> str:
    """A damaged graph in the place of every one that is kept."""
    artifact = _corpus(whole) / "artifact"
    expected = _expected(artifact)
    for kept in compiled_dir().glob("*.blob"):
        kept.write_bytes(path.read_bytes())
    code, words, text = _subtitles(artifact, path.parent / "out")
    if code or words != expected:
        raise Wrong(f"code {code}: {words!r}, expected {expected!r}; {text}")
    return "accepted"


def _transcribe_yaml(path: Path, whole: Path) -> str:
    artifact = _corpus(whole) / "artifact"
    command = ["transcribe", SELFTEST_CLIP, "-m", artifact, "--config", path, "-o", path.parent / "out", *QUICK]
    return _outcome(*run(*command)[::2])


def _verify(path: Path, whole: Path) -> str:
    code, _, text = run("verify", path.parent)
    if not code and path.name != "manifest.json":
        raise Wrong(f"{path.name} is damaged, and said to be good")
    return _outcome(code, text)


def _convert(path: Path, whole: Path) -> str:
    made = path.parent / "made" if path.is_file() else path.parent.parent / "made"
    code, _, text = run("convert", "--weights", path, "-o", made)
    if code and made.exists():
        raise Wrong(f"refused, but there is {sorted(made.iterdir())}")
    return _outcome(code, text)


def _eval(path: Path, whole: Path) -> str:
    """Every row is scored or reported."""
    return _score(path, whole, path.parent / "run")


def _eval_archive(path: Path, whole: Path) -> str:
    return _score("librispeech", whole, path.parent / "run", "--split", "test-other", "--data", path)


def _score(data: str | Path, whole: Path, folder: Path, *more: object) -> str:
    options = folder.parent / "eval.yaml"
    options.write_text(EVAL, encoding="utf-8")
    command = [
        "eval",
        data,
        "-m",
        _corpus(whole) / "artifact",
        "-o",
        folder,
        "--config",
        options,
        "--limit",
        "2",
        *more,
    ]
    return _outcome(*run(*command)[::2])


def _eval_journal(path: Path, whole: Path) -> str:
    """A run that was interrupted, and whose journal was damaged since, is resumed or stops; no whole line goes."""
    table, folder = _corpus(whole) / "table" / "a.jsonl", path.parent / "run"
    _score(table, whole, folder)
    lines = folder / "hypotheses.jsonl"
    good = lines.read_bytes()
    damaged = path.read_bytes()
    lines.write_bytes(good + damaged)
    outcome = _score(table, whole, folder)
    if not lines.read_bytes().startswith(good.rstrip(b"\n")):
        raise Wrong(f"{good!r} became {lines.read_bytes()!r}")
    return outcome


def _report(path: Path, whole: Path) -> str:
    return _outcome(*run("report", path, "-o", path.parent / "page.html")[::2])


VERBS: dict[str, Callable[[Path, Path], str]] = {
    "transcribe": _transcribe,
    "transcribe-artifact": _transcribe_artifact,
    "transcribe-sealed": _transcribe_sealed,
    "transcribe-foreign": _transcribe_foreign,
    "verify-sealed": _verify_sealed,
    "verify-foreign": _verify_foreign,
    "transcribe-blob": _transcribe_blob,
    "transcribe-yaml": _transcribe_yaml,
    "verify": _verify,
    "convert": _convert,
    "convert-folder": lambda path, whole: _convert(path.parent, whole),
    "eval": _eval,
    "eval-archive": _eval_archive,
    "eval-journal": _eval_journal,
    "report": _report,
}


def verb(name: str) -> Callable[[Path, Path], str]:
    """A target that runs a verb."""
    return VERBS[name]
