"""Bulk transcription: outputs whole, failures told, what is done told apart."""

import logging
import os
import tempfile
from pathlib import Path

import pytest
from support.odd_media import half_of_an_mp4
from support.serve import serve
from support.speech_files import wav

from ovw.audio.inputs import expand
from ovw.convert.plan import Converted
from ovw.runtime.device import DeviceOptions
from ovw.scale.bulk import Failed, File, Finished, TranscribeFiles, transcribe_files
from ovw.scale.cost import Fleet, main
from ovw.scale.processes import Processes
from ovw.scale.task import InProcessPool, Lost
from ovw.transcribe.options import TranscribeOptions


@pytest.fixture
def work(tiny: Converted) -> TranscribeFiles:
    options = TranscribeOptions(
        language="en", beam_size=1, temperature=(0.0,), max_new_tokens=4, vad=False, no_speech_threshold=None
    )
    return TranscribeFiles(tiny.folder, options, DeviceOptions(precision="f32", threads=1))


def files(folder: Path, *names: str) -> list[File]:
    inputs, _ = expand([str(folder / name) for name in names])
    return [File(item, {end: folder / "out" / f"{item.name}.{end}" for end in ("srt", "txt")}) for item in inputs]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for seed, name in enumerate(("a.wav", "b.wav", "c.wav")):
        (tmp_path / name).write_bytes(wav(0.5, seed))
    (tmp_path / "bad.wav").write_text("no sound")
    return tmp_path


def test_outputs_whole_and_failures_told(folder: Path, work: TranscribeFiles) -> None:
    todo = files(folder, "a.wav", "bad.wav", "b.wav")
    a, bad, b = transcribe_files(todo, work, InProcessPool())
    assert isinstance(a, Finished)
    assert isinstance(b, Finished)
    assert isinstance(bad, Failed)
    assert (a.file, a.duration_s) == (todo[0], pytest.approx(0.5))
    assert "bad.wav: cannot be read as audio or video" in bad.error.message
    assert sorted(p.name for p in (folder / "out").iterdir()) == ["a.wav.srt", "a.wav.txt", "b.wav.srt", "b.wav.txt"]


def test_done_is_what_has_every_output_younger_than_its_media(folder: Path, work: TranscribeFiles) -> None:
    a, b, bad = files(folder, "a.wav", "b.wav", "bad.wav")
    list(transcribe_files([a, b, bad], work, InProcessPool()))
    assert [file.is_done() for file in (a, b, bad)] == [True, True, False]
    later = a.targets["srt"].stat().st_mtime + 10
    os.utime(folder / "a.wav", (later, later))
    b.targets["txt"].unlink()
    assert not a.is_done()
    assert not b.is_done()


def test_processes_write_the_same(folder: Path, work: TranscribeFiles) -> None:
    todo = files(folder, "a.wav", "b.wav", "c.wav")
    assert len(list(transcribe_files(todo, work, Processes(2)))) == 3
    many = [file.targets["txt"].read_text(encoding="utf-8") for file in todo]
    list(transcribe_files(todo, work, InProcessPool()))
    assert many == [file.targets["txt"].read_text(encoding="utf-8") for file in todo]


def test_warnings_come_with_the_result(folder: Path, work: TranscribeFiles) -> None:
    half_of_an_mp4(folder / "a.mp4")
    handlers = logging.getLogger("ovw").handlers.copy()
    (damaged, whole) = transcribe_files(files(folder, "a.mp4", "b.wav"), work, InProcessPool())
    (told,) = damaged.warnings
    assert told.startswith(f"{folder / 'a.mp4'}: its sound ends at")
    assert whole.warnings == ()
    assert logging.getLogger("ovw").handlers == handlers


def test_downloads_are_fetched_and_removed(
    folder: Path, tmp_path: Path, work: TranscribeFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("yt_dlp")
    (tmp_path / "scratch").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "scratch"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    with serve(folder) as root:
        (item,), problems = expand([f"{root}/a.wav"])
        file = File(item, {"txt": folder / "far.txt"})
        (done,) = transcribe_files([file], work, InProcessPool())
    assert not problems
    assert isinstance(done, Finished)
    assert file.is_done()
    assert not list((tmp_path / "scratch").iterdir())


def test_a_lost_file_is_a_failure(folder: Path, work: TranscribeFiles) -> None:
    class Dead:
        def run(self, task, items):
            for item in items:
                yield Lost(item, "3 workers died at it")

    (failed,) = transcribe_files(files(folder, "a.wav"), work, Dead())
    assert isinstance(failed, Failed)
    assert failed.error.message == f"{folder / 'a.wav'}: 3 workers died at it"


def test_cost(capsys: pytest.CaptureFixture[str]) -> None:
    fleet = Fleet(speed=50, price=0.2, machines=10, overhead=0.1, storage_price=0.02, kbit_s=64)
    assert fleet.machine_hours(1_000_000) == pytest.approx(22_000)
    assert fleet.days(1_000_000) == pytest.approx(22_000 / 240)
    assert fleet.audio_tb(1_000_000) == pytest.approx(28.8)
    assert fleet.cost(1_000_000) == pytest.approx(4400 + 28_800 * 0.02 * 4)
    main(["--speed", "50", "--price", "0.2", "--machines", "10", "--hours", "1000"])
    assert "22 machine hours" in capsys.readouterr().out
