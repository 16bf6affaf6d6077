"""Every command and every Python snippet of the README and of docs/, run on the tiny model.

Every size has the tiny model's random weights, which are not scored by the WER gate, and the hub is a server of this
machine. Measuring takes one iteration of one stage, scoring one clip and four tokens. Commands in `LONG` run only with
the slow tests, those in `NEVER` never; on every run both are resolved with `--print-config`, which refuses whatever the
command itself would refuse before its work. The code of docs/consumers.md runs on the real base, see tests/consumers.
"""

import json
import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from support.hub import serving_hub
from support.huggingface_folder import save_hf
from support.records import bench_case, bench_record, eval_record
from support.speech_files import librispeech, manifest, pack, wav
from support.tiny_whisper import CALIBRATED, DEMO_VIDEO, ROOT, SELFTEST_CLIP, TINY

from ovw.artifact.hashing import file_sha256
from ovw.artifact.manifest import read_manifest, write_manifest
from ovw.cli import app
from ovw.convert import config as convert_config
from ovw.convert import pipeline
from ovw.convert.compression.recipe import Recipe, recipe_for
from ovw.convert.plan import Converted
from ovw.convert.sources.checkpoint import Checkpoint
from ovw.convert.sources.random import random_checkpoint
from ovw.convert.sources.resolve import load_checkpoint
from ovw.record import write_record
from ovw.scale import cost
from ovw.transcribe.decoding.task import DecodingTask

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
LONG = (
    "convert --config configs/convert/all-sizes.yaml",  # seventeen artifacts
    "convert --size base --precision int8-ptq --calibration",
    "bench --config decoder-sweep",
    "bench -m base-int8 --threads",
    "bench --config peers",
    "eval configs/eval/matrix.yaml",
)
"""Commands that take ten seconds and more."""
NEVER = {
    "ovw ui": "it serves until it is ended; tests/unit/test_ui_serving.py asks its page",
    "ovw convert --size base --precision int8-ptq --tune": "a search converts dozens of times; see test_tune.py",
}
"""Commands that do not run, and why."""
CHEAP = ["--max-new-tokens", "4", "--temperature", "0", "-q"]
STAND_INS = (
    (r"https?://\S+", "a.wav"),  # no network
    (r"hf:OpenVINO/\S+", "base-fp16"),  # no network
    (r"--calibration librispeech:\S+", "--calibration my-recordings"),  # no network
    (r"--ray \S+", ""),  # no cluster
    (r"--workers \d+", "--workers 1"),
    (r"--against \S+", "--against my-finetune.pt"),  # that of the stand-in for every artifact
    (r"--threads \d+", "--threads 1"),
    (r"(?<=\s)/(data|models)/", r"\1/"),
)
CHEAP_EVAL = {"temperature": 0, "max_new_tokens": 4, "no_speech_threshold": None}
CHEAP_BENCH = [
    "--rounds",
    "1",
    "--iterations",
    "1",
    "--seconds",
    "0",
    "--warmup",
    "1",
    "--cache",
    "0",
    "--stages",
    "mel,token",
    "--budget",
    "none",
    "--no-memory",
    "--no-roofline",
]
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


def cases() -> Iterator[object]:
    """Every command once, to run or to resolve; long ones both ways, to run with the slow tests."""
    for command in dict.fromkeys(commands()):
        long = command.startswith(tuple(f"ovw {start}" for start in LONG))
        never = command in NEVER
        if long or never:
            yield pytest.param(command, False, id=f"{command} (resolved)")
        if not never:
            yield pytest.param(command, True, id=command, marks=[pytest.mark.slow] if long else [])


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


@pytest.fixture
def conversions(place: Path, tmp_path: Path, tiny_pt: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to convert in, and an empty home; every size and every file has the tiny model's weights."""
    work = tmp_path / "work"
    work.mkdir()
    for name in ("configs", "my-finetune.pt", "my-recordings", "data"):
        (work / name).symlink_to(place / name)
    monkeypatch.chdir(work)
    monkeypatch.setenv("OVW_HOME", str(tmp_path / "home"))
    real = load_checkpoint

    def tiny_checkpoint(info: object, weights: str | None, **named: object) -> Checkpoint:
        if weights and weights.startswith("hf:"):
            return real(None, weights, **named)
        return replace(real(None, str(tiny_pt)), kind="random")

    monkeypatch.setattr(pipeline, "load_checkpoint", tiny_checkpoint)
    monkeypatch.setattr(pipeline, "check_room", lambda jobs, config: None)
    monkeypatch.setattr(convert_config, "recipe_for", quick_recipe)
    return work


def quick_recipe(precision: str, size: str | None) -> Recipe | None:
    return CALIBRATED if precision == "int8-ptq" else recipe_for(precision, size)


def words_of(command: str) -> list[str]:
    """The arguments of a command, with stand-ins for what is not here."""
    for pattern, stand_in in STAND_INS:
        command = re.sub(pattern, stand_in, command)
    _, *words = shlex.split(command)
    return [found for word in words for found in (sorted(str(p) for p in Path().glob(word)) if "*" in word else [word])]


def cheaply(verb: str, words: list[str], tmp_path: Path) -> list[str]:
    """The arguments of a verb with those that keep its work short."""
    if verb == "transcribe":
        extra = [option for option in CHEAP if "-" not in words or option != "-q"]
        words = ["a.wav" if word == "-" and words.index(word) == 0 else word for word in words if word != "--pcm"]
        return [*(word for word in words if word != "s16le"), *extra]
    if verb == "bench" and words[:1] != ["compare"]:
        return [*words, *CHEAP_BENCH]
    if verb == "eval":
        options = tmp_path / "cheap.yaml"
        options.write_text(json.dumps(CHEAP_EVAL), encoding="utf-8")
        matrix = words[0].endswith(".yaml")
        return [*words, *([] if matrix else ["--config", str(options)]), "--limit", "1"]
    return words


def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Run `ovw` in this process; it has to succeed."""
    monkeypatch.setattr(sys, "argv", ["ovw", *words])
    try:
        app.main()
        code: object = 0
    except SystemExit as ended:
        code = ended.code
    shown = capsys.readouterr()
    assert code in (0, None), shown.err
    return shown.out


@pytest.mark.parametrize(("command", "runs"), [*cases()])
def test_commands(
    command: str, runs: bool, place: Path, tmp_path: Path, request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    verb = shlex.split(command)[1]
    if not runs or "--print-config" in command:
        words = [word for word in words_of(command) if word != "--print-config"]
        shown = run(monkeypatch, capsys, *words, "--print-config")
        assert isinstance(yaml.safe_load(shown), dict)
        return
    if verb == "convert":
        request.getfixturevalue("conversions")
        if "hf:" in command:
            request.getfixturevalue("hub")
    if verb == "eval":
        monkeypatch.setattr("ovw.convert.pytorch_file.pytorch_file", lambda manifest: place / "my-finetune.pt")
    run(monkeypatch, capsys, verb, *cheaply(verb, words_of(command)[1:], tmp_path))
    if verb == "convert":
        assert list(tmp_path.rglob("manifest.json"))
    for made in ("base-static", "base-10s"):
        shutil.rmtree(place / made, ignore_errors=True)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with serving_hub(save_hf(tmp_path / "served", random_checkpoint(TINY)), monkeypatch):
        yield


def test_what_never_runs_is_documented() -> None:
    documented = set(commands())
    assert not [command for command in NEVER if command not in documented]
    assert not [start for start in LONG if not any(one.startswith(f"ovw {start}") for one in documented)]


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


def test_the_cost_of_scale(capsys: pytest.CaptureFixture[str]) -> None:
    text = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
    ((command, printed),) = re.findall(r"^\$ python -m ovw\.scale\.cost (.*)\n((?:.+\n)+?)```", text, re.MULTILINE)
    cost.main(shlex.split(command))
    assert capsys.readouterr().out == printed


def test_make_targets_exist() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    for page in [*PAGES, ROOT / "CONTRIBUTING.md"]:
        for block in blocks(page, "sh"):
            assert set(re.findall(r"^make ([a-z-]+)", block, re.MULTILINE)) <= set(targets)
