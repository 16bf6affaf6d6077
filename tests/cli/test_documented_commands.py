"""Every command and every Python snippet of the README and of docs/, run on the tiny model.

Commands that convert, measure or score are resolved with `--print-config`, which refuses whatever the command itself
would refuse before its work; all others run. The code of docs/consumers.md runs on the real base, see tests/consumers.
"""

import json
import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from support.records import bench_case, bench_record, eval_record
from support.speech_files import librispeech, manifest, pack, wav
from support.tiny_whisper import DEMO_VIDEO, ROOT, SELFTEST_CLIP

from ovw.artifact.hashing import file_sha256
from ovw.artifact.manifest import read_manifest, write_manifest
from ovw.cli import app
from ovw.convert.plan import Converted
from ovw.record import write_record
from ovw.scale import plan
from ovw.transcribe.decoding.task import DecodingTask

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
RESOLVED = ("convert", "eval", "bench", "ui")
CHEAP = ["--max-new-tokens", "4", "--temperature", "0", "-q"]
STAND_INS = (
    (r"https?://\S+", "a.wav"),  # no network
    (r"hf:OpenVINO/\S+", "base-fp16"),  # no network
    (r"--ray \S+", ""),  # no cluster
    (r"--workers \d+", "--workers 1"),
    (r"--against \S+", "--against my-finetune.pt"),  # that of the stand-in for every artifact
    (r"--threads \d+", "--threads 1"),
    (r"(?<=\s)/(data|models)/", r"\1/"),
)
CODE_STAND_INS = (
    ('workers=64, ray="auto", threads=4', "workers=1, ray=None, threads=1"),
    ("threads=4", "threads=1"),
    ('"/data/audio"', '"data/audio"'),
    ('"/models/base-int8"', '"models/base-int8"'),
    ('convert("base", precision="int8")', 'convert("my-finetune.pt", output="made-in-python")'),
    ('"bundled", batch_size=8', '"bundled", batch_size=8, limit=1, temperature=[0.0], max_new_tokens=8'),
    ("rounds=3", "rounds=1, iterations=1, seconds=0.01, roofline=False, memory=False"),
)


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def commands() -> Iterator[str]:
    for page in PAGES:
        for block in blocks(page, "sh"):
            for line in block.replace("\\\n", " ").splitlines():
                command = " ".join(shlex.split(line.split("|")[-1], comments=True))
                if command.startswith("ovw "):
                    yield command


COMMANDS = list(dict.fromkeys(commands()))
SNIPPETS = {
    f"{page.stem}-{number}": code
    for page in PAGES
    if page.stem != "consumers"
    for number, code in enumerate(blocks(page, "python"))
}


@pytest.fixture(scope="module")
def workplace(tiny: Converted, tiny_pt: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with everything that the documentation names."""
    folder = tmp_path_factory.mktemp("documented")
    artifact = Path(shutil.copytree(tiny.folder, folder / "artifact"))
    for name in ("manifest.json", "generation_config.json"):
        known = json.loads((artifact / name).read_text())
        (artifact / name).write_text(json.dumps(known | {"alignment_heads": [[1, 0]]}))
    described = json.loads((artifact / "manifest.json").read_text())
    described["files"]["generation_config.json"] = {
        "bytes": (artifact / "generation_config.json").stat().st_size,
        "sha256": file_sha256(artifact / "generation_config.json"),
    }
    (artifact / "manifest.json").write_text(json.dumps(described))
    write_manifest(read_manifest(artifact), artifact)
    for home in (folder / "home" / "models", folder / "models"):
        home.mkdir(parents=True)
        for name in ("base-fp16", "base-fp32", "base-int8", "base-int8-ptq"):
            (home / name).symlink_to(artifact)
    for name in ("base-bounded", "base-15s"):
        (folder / name).symlink_to(artifact)
    for name in ("talk.mp4", "lecture.mp4"):
        shutil.copy(DEMO_VIDEO, folder / name)
    shutil.copy(SELFTEST_CLIP, folder / "talk.flac")
    shutil.copy(SELFTEST_CLIP, folder / "song.mp3")
    (folder / "lyrics.txt").write_text("a word\n")
    (folder / "edited.srt").write_text("1\n00:00:01,000 --> 00:00:02,000\na word\n")
    for name in ("a.wav", "b.wav", "interview.wav", "recordings/a.wav", "data/audio/a.wav", "my-recordings/a.wav"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(wav())
    shutil.copytree(folder / "recordings", folder / "talks")
    shutil.copytree(ROOT / "configs", folder / "configs")
    shutil.copy(tiny_pt, folder / "my-finetune.pt")
    shutil.copytree(librispeech(folder), folder / "data" / "LibriSpeech")
    pack(folder / "LibriSpeech", folder / "test-other.tar.gz")
    for name in ("calls.jsonl", "clips.jsonl", "my-clips.jsonl"):
        manifest(folder / name, [{"id": "a", "audio": "a.wav", "reference": "a word", "language": "en"}])
    for name in ("before.json", "after.json"):
        write_record(bench_record(bench_case("base-int8")), folder / name)
    (folder / "evals" / "base-int8").mkdir(parents=True)
    write_record(eval_record(), folder / "evals" / "base-int8" / "record.json")
    return folder


@pytest.fixture
def place(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(workplace)
    monkeypatch.setenv("OVW_HOME", str(workplace / "home"))
    monkeypatch.setattr(DecodingTask, "sample_len", 4)  # random weights have no end of text
    return workplace


@pytest.mark.parametrize("command", COMMANDS)
def test_commands(
    command: str, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for pattern, stand_in in STAND_INS:
        command = re.sub(pattern, stand_in, command)
    _, verb, *rest = shlex.split(command)
    words = [found for word in rest for found in (sorted(str(p) for p in Path().glob(word)) if "*" in word else [word])]
    resolved = verb in RESOLVED and words[:1] != ["compare"]
    extra = [] if not resolved or "--print-config" in words else ["--print-config"]
    if verb == "transcribe":
        extra = [option for option in CHEAP if "-" not in words or option != "-q"]
        words = ["a.wav" if word == "-" and words.index(word) == 0 else word for word in words if word != "--pcm"]
        words = [word for word in words if word != "s16le"]
    monkeypatch.setattr(sys, "argv", ["ovw", verb, *words, *extra])
    try:
        app.main()
        code: object = 0
    except SystemExit as ended:
        code = ended.code
    shown = capsys.readouterr()
    assert code in (0, None), shown.err
    if resolved:
        assert isinstance(yaml.safe_load(shown.out), dict)
    for made in ("base-static", "base-10s"):
        shutil.rmtree(place / made, ignore_errors=True)


@pytest.mark.parametrize("name", SNIPPETS)
def test_snippets(name: str, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    code = SNIPPETS[name]
    for done in place.glob("data/audio/*.[!w]*"):  # what a command has left there
        done.unlink()
    for text, stand_in in CODE_STAND_INS:
        code = code.replace(text, stand_in)
    if "openai_whisper" in code:
        from ovw.adapters.openai_whisper import OpenVinoWhisper

        transcribe = OpenVinoWhisper.transcribe
        cheap = {"sample_len": 4, "temperature": 0.0}
        monkeypatch.setattr(
            OpenVinoWhisper, "transcribe", lambda self, audio, **o: transcribe(self, audio, **o, **cheap)
        )
    exec(compile(code, name, "exec"), {})
    assert capsys.readouterr().out


def test_the_plan_of_scale(capsys: pytest.CaptureFixture[str]) -> None:
    text = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
    ((command, printed),) = re.findall(r"^\$ python -m ovw\.scale\.plan (.*)\n((?:.+\n)+?)```", text, re.MULTILINE)
    plan.main(shlex.split(command))
    assert capsys.readouterr().out == printed


def test_make_targets_exist() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    for page in [*PAGES, ROOT / "CONTRIBUTING.md"]:
        for block in blocks(page, "sh"):
            assert set(re.findall(r"^make ([a-z-]+)", block, re.MULTILINE)) <= set(targets)
