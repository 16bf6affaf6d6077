"""Forty commands that people type in their first minutes, and what they get."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import pytest
from support.command import ovw
from support.records import bench_case, bench_record
from support.speech_files import wav
from support.tiny_whisper import DEMO_VIDEO

from ovw.convert.plan import Converted
from ovw.record import write_record

CHEAP = ["--max-new-tokens", "4", "--temperature", "0"]
"""For commands that transcribe: random weights have no end of text."""

COMMANDS = [
    # to begin with
    ("ovw", 2, "transcribe"),
    ("ovw --help", 0, "Whisper on OpenVINO"),
    ("ovw --version", 0, "ovw 0."),
    ("ovw models", 0, "large-v3-turbo"),
    ("ovw transcribe --help", 0, "--language"),
    ("ovw transcrib talk.mp4", 2, "Did you mean 'transcribe'?"),
    # a video to caption
    ("ovw transcribe talk.mp4", 0, "talk.srt"),
    ("ovw transcribe talk.mp4 -m base", 0, "talk.srt"),
    ("ovw transcribe talk.mp4 -m openai/whisper-base -f vtt", 0, "talk.vtt"),
    ("ovw transcribe talk.mp4 -f all -o out", 0, "out/talk.json"),
    ("ovw transcribe talk.mp4 -f txt -o -", 0, ""),
    ("ovw transcribe talk.mp4 --language German --task translate", 0, "talk.srt"),
    ("ovw transcribe talk.mp4 --output_dir out --output_format srt --beam_size 2", 0, "out/talk.srt"),
    ("ovw transcribe . -f tsv", 0, "talk.tsv"),
    ("ovw transcribe -v talk.mp4", 0, "talk.srt"),
    ("ovw transcribe nope.mp4", 1, "no such file"),
    ("ovw transcribe note.txt", 1, "there is no audio in it"),
    ("ovw transcribe talk.mp4 -f pdf", 2, "no format 'pdf'"),
    ("ovw transcribe talk.mp4 --language klingon", 2, "unknown language 'klingon'"),
    ("ovw transcribe talk.mp4 --task summarize", 2, "--task 'summarize': should be 'transcribe' or 'translate'"),
    ("ovw transcribe talk.mp4 --beam-size 0", 2, "--beam-size 0: should be"),
    ("ovw transcribe talk.mp4 --device GPU", 2, "this machine has CPU"),
    ("ovw transcribe talk.mp4 -m base-int8", 1, "ovw convert --size base --int8"),
    ("ovw transcribe talk.mp4 -m bass", 2, "no artifact 'bass'"),
    ("ovw transcribe talk.mp4 -m smal", 2, "did you mean the size 'small'?"),
    ("ovw transcribe talk.mp4 --language germn", 2, "did you mean 'german'?."),
    ("ovw transcribe talk.mp4 -f json -f srt -o -", 2, "standard output takes one format"),
    ("ovw talk.mp4", 2, "Hint: ovw transcribe talk.mp4"),
    ("ovw align note.txt talk.mp4", 1, "the media comes first, then its text"),
    # IR for another app
    ("ovw convert", 2, "--size base"),
    ("ovw convert --size base --fp16 --print-config", 0, "fp16"),
    ("ovw convert --size huge", 2, "unknown size 'huge'"),
    ("ovw convert --size base --precision int3", 2, "no precision 'int3'. Hint: did you mean 'int8'?"),
    ("ovw convert --size base --layout ggml", 2, "no layout 'ggml'"),
    ("ovw verify base-fp16", 0, "base-fp16: good"),
    ("ovw verify base-fp16 --json", 0, '"good": true'),
    ("ovw verify nope", 2, "no artifact 'nope'"),
    # a size to choose
    ("ovw bench --print-config", 0, "stages"),
    ("ovw bench -m nope", 2, "no artifact 'nope'"),
    ("ovw bench --engine whisper", 2, "known: openvino"),
    ("ovw bench compare before.json after.json", 0, "95% confidence"),
    ("ovw report before.json after.json", 0, "report.html"),
    # a WER to report
    ("ovw eval", 2, "dataset"),
    ("ovw eval nope", 2, "known: librispeech"),
    ("ovw eval librispeech --split test", 2, "test-clean"),
    ("ovw eval bundled --print-config", 0, "bundled"),
    ("ovw ui --host 0.0.0.0", 2, "there is no password"),
]


@pytest.fixture(scope="module")
def place(tiny: Converted, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a video, a sound, a text and two records, and a home with one artifact."""
    folder = tmp_path_factory.mktemp("first")
    (folder / "home" / "models").mkdir(parents=True)
    (folder / "home" / "models" / "base-fp16").symlink_to(tiny.folder)
    work = folder / "work"
    work.mkdir()
    shutil.copy(DEMO_VIDEO, work / "talk.mp4")
    (work / "song.wav").write_bytes(wav())
    (work / "note.txt").write_text("a text\n", encoding="utf-8")
    for name in ("before.json", "after.json"):
        write_record(bench_record(bench_case("base-fp16")), work / name)
    return folder


def test_there_are_forty() -> None:
    assert len(COMMANDS) >= 40
    assert len({command for command, _, _ in COMMANDS}) == len(COMMANDS)


@pytest.mark.parametrize(("command", "code", "expected"), COMMANDS)
def test_command(command: str, code: int, expected: str, place: Path) -> None:
    _, *words = shlex.split(command)
    cheap = CHEAP if words[:1] == ["transcribe"] and code == 0 and "--help" not in words else []
    done = ovw(*words, *cheap, cwd=place / "work", home=place / "home", code=code)
    assert expected in done.stdout + done.stderr
    if code:
        assert len(done.stderr.strip().splitlines()) <= 6 or words == []
