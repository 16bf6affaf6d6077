"""Bulk transcription: outputs whole, failures told, what is done left alone."""

import os
from pathlib import Path

import pytest
from speech_files import wav

from ovw.convert.jobs import Converted
from ovw.runtime.device import DeviceOptions
from ovw.scale.bulk import Failed, File, Finished, TranscribeFiles, transcribe_files
from ovw.scale.plan import Plan, main
from ovw.scale.processes import Processes
from ovw.scale.work import Here, Lost
from ovw.transcribe.options import TranscribeOptions


@pytest.fixture
def work(tiny: Converted) -> TranscribeFiles:
    options = TranscribeOptions(
        language="en", beam_size=1, temperature=(0.0,), max_new_tokens=4, vad=False, no_speech_threshold=None
    )
    return TranscribeFiles(tiny.folder, options, DeviceOptions(precision="f32", threads=1))


def files(folder: Path, *names: str) -> list[File]:
    for seed, name in enumerate(names):
        (folder / name).write_bytes(wav(0.5, seed))
    return [File(folder / n, {"srt": folder / "out" / f"{n}.srt", "txt": folder / "out" / f"{n}.txt"}) for n in names]


def test_every_file_once_and_only_what_is_left(tmp_path: Path, work: TranscribeFiles) -> None:
    todo = files(tmp_path, "a.wav", "b.wav")
    (tmp_path / "bad.wav").write_text("no sound")
    todo.append(File(tmp_path / "bad.wav", {"srt": tmp_path / "out" / "bad.srt"}))
    outcomes = list(transcribe_files(todo, work, Here()))
    assert [o.media.name for o in outcomes if isinstance(o, Finished)] == ["a.wav", "b.wav"]
    assert [o.media.name for o in outcomes if isinstance(o, Failed)] == ["bad.wav"]
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["a.wav.srt", "a.wav.txt", "b.wav.srt", "b.wav.txt"]
    assert [o.media.name for o in transcribe_files(todo, work, Here())] == ["bad.wav"]
    later = (tmp_path / "out" / "a.wav.srt").stat().st_mtime + 10
    os.utime(tmp_path / "a.wav", (later, later))
    assert [o.media.name for o in transcribe_files(todo[:2], work, Here())] == ["a.wav"]
    assert len(list(transcribe_files(todo[:2], work, Here(), again=True))) == 2


def test_processes_write_the_same(tmp_path: Path, work: TranscribeFiles) -> None:
    todo = files(tmp_path, "a.wav", "b.wav", "c.wav")
    assert len(list(transcribe_files(todo, work, Processes(2)))) == 3
    many = [(f.targets["txt"]).read_text(encoding="utf-8") for f in todo]
    list(transcribe_files(todo, work, Here(), again=True))
    assert many == [(f.targets["txt"]).read_text(encoding="utf-8") for f in todo]


def test_a_lost_file_is_a_failure(tmp_path: Path, work: TranscribeFiles) -> None:
    class Dead:
        def run(self, task, items):
            for item in items:
                yield Lost(item, "3 workers died at it")

    (failed,) = transcribe_files(files(tmp_path, "a.wav"), work, Dead())
    assert failed == Failed(tmp_path / "a.wav", "3 workers died at it")


def test_plan(capsys: pytest.CaptureFixture[str]) -> None:
    plan = Plan(speed=50, price=0.2, machines=10, overhead=0.1, storage_price=0.02, kbit_s=64)
    assert plan.machine_hours(1_000_000) == pytest.approx(22_000)
    assert plan.days(1_000_000) == pytest.approx(22_000 / 240)
    assert plan.audio_tb(1_000_000) == pytest.approx(28.8)
    assert plan.cost(1_000_000) == pytest.approx(4400 + 28_800 * 0.02 * 4)
    main(["--speed", "50", "--price", "0.2", "--machines", "10", "--hours", "1000"])
    assert "22 machine hours" in capsys.readouterr().out
