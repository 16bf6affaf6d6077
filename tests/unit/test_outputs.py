"""Files that `ovw transcribe` writes: whose they are, under what names, and what happens to those of others."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from support.tiny_whisper import DEMO_VIDEO, SELFTEST_CLIP

from ovw import files, outputs
from ovw.artifact.locate import check_target
from ovw.artifact.staging import staged_folder
from ovw.audio.inputs import expand
from ovw.cli.console import Terminal
from ovw.cli.transcription.config import TranscribeConfig
from ovw.cli.transcription.in_process import transcribe_all
from ovw.convert.plan import Converted
from ovw.errors import OvwError, UsageError
from ovw.files import name_problem, scratch_beside, short_name, write_whole
from ovw.home import home as home_folder
from ovw.outputs import refusals, remember, write_own
from ovw.scale.bulk import File
from ovw.scale.task import InProcessPool, Task
from ovw.subtitles.cues import Atom, Cue
from ovw.subtitles.embed import embed_subtitles, is_output
from ovw.subtitles.output import plan_outputs

CUE = Cue(0, 900, ((Atom("Hello", "", 0, 900),),))
KEPT = "was not written by ovw, or was edited since: it is kept"


@pytest.fixture
def config(tiny: Converted, home: Path) -> TranscribeConfig:
    return TranscribeConfig(model=str(tiny.folder), language="en", temperature=(0.0,), max_new_tokens=3, vad=False)


def clip(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(SELFTEST_CLIP, path)
    return path


def run(media: Path, config: TranscribeConfig, **changes: object) -> None:
    transcribe_all([str(media)], config.model_copy(update=changes), Terminal(quiet=True), yes=False)


def kept(outputs: list[Path], *, overwrite: bool = False) -> list[str]:
    return [path.name for path in refusals(outputs, overwrite=overwrite)]


def test_own_files_are_known(tmp_path: Path, home: Path):
    own, edited, foreign, new = (tmp_path / f"{name}.srt" for name in ("own", "edited", "foreign", "new"))
    for path in (own, edited, foreign):
        write_whole(path, "text")
    remember([own, edited])
    edited.write_text("better text")
    assert kept([own, edited, foreign, new]) == ["edited.srt", "foreign.srt"]
    assert kept([own, edited, foreign, new], overwrite=True) == []
    write_own(edited, "newer text")
    assert kept([own, edited]) == []


def test_a_kill_makes_no_file_anothers(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (own := tmp_path / "own.srt").touch()
    for moment, left in (("before", "first"), ("after", "second")):
        monkeypatch.setattr(outputs, "write_whole", write_whole)
        write_own(own, "first")
        monkeypatch.setattr(outputs, "write_whole", partial(interrupted, moment))
        with pytest.raises(KeyboardInterrupt):
            write_own(own, "second")
        assert own.read_text() == left
        assert kept([own]) == []


def interrupted(moment: str, target: Path, content: bytes) -> None:
    if moment == "after":
        write_whole(target, content)
    raise KeyboardInterrupt


def test_files_are_replaced_not_written_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On disk before they get their name: a power cut leaves the old text or the new one."""
    target, before = tmp_path / "a.srt", tmp_path / "before"
    write_whole(target, "old")
    before.hardlink_to(target)
    flushed = []
    monkeypatch.setattr("os.fsync", lambda file: flushed.append((os.fstat(file).st_size, target.read_text())))
    write_whole(target, "newer")
    assert flushed == [(len("newer"), "old")]
    assert (target.read_text(), before.read_text()) == ("newer", "old")


def test_half_a_file_of_a_killed_process_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = (
        "import os, sys; from pathlib import Path; from ovw.files import scratch_beside\n"
        "with scratch_beside(Path(sys.argv[1], 'a.srt')) as half: half.write_text('x'); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    monkeypatch.setattr(files, "_swept", set())
    with scratch_beside(tmp_path / "b.srt") as living:
        assert list(tmp_path.iterdir()) == [living]
        monkeypatch.setattr(files, "_swept", set())
        write_whole(tmp_path / "c.srt", "text")
        assert living.is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["c.srt"]


def test_what_is_noted_survives_a_cut_line_and_a_missing_home(tmp_path: Path, home: Path):
    own = tmp_path / "own.srt"
    own.write_text("text")
    remember([own])
    (log,) = (home / "outputs").iterdir()
    log.write_text(log.read_text() + '{"name": "own.s')
    assert kept([own]) == []
    shutil.rmtree(home)
    assert kept([own]) == ["own.srt"]
    home.write_text("a file, so that nothing can be noted")
    remember([own])
    assert kept([own]) == ["own.srt"]


def test_edited_subtitles_are_kept(tmp_path: Path, config: TranscribeConfig):
    media = clip(tmp_path / "talk.flac")
    run(media, config)
    run(media, config)  # its own file may be replaced
    srt, vtt = tmp_path / "talk.srt", tmp_path / "talk.vtt"
    srt.write_text("corrected by hand")
    with pytest.raises(OvwError, match=KEPT):
        run(media, config, format=("srt", "vtt"))
    assert srt.read_text() == "corrected by hand"
    assert vtt.read_text().startswith("WEBVTT")  # what can be done is done
    run(media, config, overwrite=True)
    assert srt.read_text().startswith("1\n")


def test_edited_subtitles_are_kept_by_workers(tmp_path: Path, config: TranscribeConfig):
    media = clip(tmp_path / "talk.flac")
    run(media, config, workers=1)
    srt = tmp_path / "talk.srt"
    srt.write_text("corrected by hand")
    os.utime(media, (4e9, 4e9))  # so that the work is not done
    with pytest.raises(OvwError, match=KEPT):
        run(media, config, workers=1)
    assert srt.read_text() == "corrected by hand"
    run(media, config, workers=1, overwrite=True)
    assert srt.read_text().startswith("1\n")


def test_workers_count_inputs(tmp_path: Path, config: TranscribeConfig, capsys: pytest.CaptureFixture[str]):
    folder, formats = tmp_path / "in", ("srt", "vtt")
    media = clip(folder / "a.flac")
    for ending in formats:
        media.with_suffix(f".{ending}").write_text("written by hand")
    clip(folder / "b.flac")
    for note, changes in (
        ("files transcribed: 1, 0:00:0", {}),
        ("files transcribed: 0; done before: 1, --force", {}),
        ("files transcribed: 1, 0:00:0", {"force": True}),
    ):
        with pytest.raises(OvwError, match=f"^1 of 2 inputs failed: .*a.srt {KEPT}; .*a.vtt {KEPT}$"):
            shown(folder, config, workers=1, format=formats, **changes)
        assert note in (found := capsys.readouterr().err)
        assert ("done before" in found) is ("done before" in note)
    shown(folder, config, workers=1, format=formats, overwrite=True)
    assert "files transcribed: 1, 0:00:0" in (found := capsys.readouterr().err)
    assert "done before: 1" in found
    assert media.with_suffix(".srt").read_text().startswith("1\n")


def shown(media: Path, config: TranscribeConfig, **changes: object) -> None:
    transcribe_all([str(media)], config.model_copy(update=changes), Terminal(), yes=False)


def test_workers_leave_edited_subtitles_alone(
    tmp_path: Path, config: TranscribeConfig, capsys: pytest.CaptureFixture[str]
):
    media = clip(tmp_path / "talk.flac")
    run(media, config, workers=1)
    (srt := tmp_path / "talk.srt").write_text("corrected by hand")
    shown(media, config, workers=1)
    assert "files transcribed: 0; done before: 1 (1 edited since), --force" in capsys.readouterr().err
    assert srt.read_text() == "corrected by hand"
    run(media, config, workers=1, overwrite=True)
    assert srt.read_text().startswith("1\n")


def test_workers_do_not_repeat_what_is_there_beside_a_foreign_file(tmp_path: Path, config: TranscribeConfig):
    media = clip(tmp_path / "talk.flac")
    (tmp_path / "talk.srt").write_text("written by hand")
    with pytest.raises(OvwError, match=KEPT):
        run(media, config, workers=1, format=("srt", "vtt"))
    os.utime(tmp_path / "talk.vtt", (4e9, 4e9))
    with pytest.raises(OvwError, match=KEPT):
        run(media, config, workers=1, format=("srt", "vtt"))
    assert (tmp_path / "talk.vtt").stat().st_mtime == 4e9


class KilledBesideAnotherMachine:
    """A pool whose worker has a home of its own; the first process ends before it receives the result."""

    def run(self, task: Task, items: Iterable[File]) -> Iterator[Any]:
        with pytest.MonkeyPatch.context() as elsewhere:
            elsewhere.setenv("OVW_HOME", str(home_folder().with_name("another")))
            list(InProcessPool().run(task, items))
        raise KeyboardInterrupt
        yield


def test_what_another_machine_wrote_before_a_kill_is_done(
    tmp_path: Path, config: TranscribeConfig, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    media = clip(tmp_path / "talk.flac")
    with monkeypatch.context() as patched:
        patched.setattr(TranscribeConfig, "pool", lambda _: KilledBesideAnotherMachine())
        with pytest.raises(KeyboardInterrupt):
            run(media, config, ray="auto")
    assert (tmp_path / "talk.srt").is_file()
    shown(media, config, workers=1)
    assert "files transcribed: 0; done before: 1, --force" in capsys.readouterr().err


@pytest.mark.parametrize("workers", [None, 1])
def test_notes_are_read_once_and_made_once(
    tmp_path: Path, home: Path, config: TranscribeConfig, monkeypatch: pytest.MonkeyPatch, workers: int | None
):
    for name in ("a", "b", "c"):
        clip(tmp_path / "in" / f"{name}.flac")
    run(tmp_path / "in", config, workers=workers, format=("srt", "vtt"))
    (log,) = (home / "outputs").iterdir()
    assert len(log.read_text().splitlines()) == 6
    read: list[Path] = []
    monkeypatch.setattr(Path, "read_text", noting(read))
    run(tmp_path / "in", config, workers=workers, format=("srt", "vtt"), force=True)
    assert [path for path in read if path.suffix == ".jsonl"] == [log]


def noting(read: list[Path], read_text: Callable[..., str] = Path.read_text) -> Callable[..., str]:
    """`Path.read_text`, which notes the path."""

    def noted(path: Path, *args: str, **options: str) -> str:
        read.append(path)
        return read_text(path, *args, **options)

    return noted


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_copies_with_subtitles_are_known_by_what_they_hold(tmp_path: Path, ending: str):
    video, copy = tmp_path / f"talk.{ending}", tmp_path / f"renamed.{ending}"
    if ending == "mp4":
        shutil.copy(DEMO_VIDEO, video)
    else:
        embed_subtitles_of_none(video)
    embed_subtitles(video, [CUE], copy, "en")
    assert is_output(copy)
    assert not is_output(video)
    again = tmp_path / f"again.{ending}"
    embed_subtitles(copy, [CUE], again, "en")
    assert is_output(again)


def embed_subtitles_of_none(path: Path) -> None:
    """The demo video in Matroska."""
    import av

    with av.open(str(DEMO_VIDEO)) as source, av.open(str(path), "w") as out:
        copies = {stream.index: out.add_stream_from_template(stream) for stream in source.streams}
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = copies[packet.stream.index]
                out.mux(packet)


def test_what_is_no_copy(tmp_path: Path):
    (tmp_path / "notes.subtitled.mp4").write_text("no video")
    assert not is_output(tmp_path / "notes.subtitled.mp4")
    assert not is_output(tmp_path / "missing.mp4")
    assert not is_output(SELFTEST_CLIP)


def test_a_second_run_over_a_folder(tmp_path: Path, config: TranscribeConfig, capsys: pytest.CaptureFixture[str]):
    folder = tmp_path / "in"
    clip(folder / "c.flac")
    shutil.copy(DEMO_VIDEO, folder / "talk.mp4")
    with pytest.raises(
        OvwError, match="cannot hold a subtitle track"
    ):  # of c.flac, which has its subtitles all the same
        run(folder, config, embed=True)
    names = ["c.flac", "c.srt", "talk.mp4", "talk.srt", "talk.subtitled.mp4"]
    assert sorted(path.name for path in folder.iterdir()) == names
    run(folder, config)
    assert sorted(path.name for path in folder.iterdir()) == names
    assert "talk.subtitled.mp4: made by ovw, skipped" in capsys.readouterr().err


@pytest.mark.parametrize("changes", [{}, {"workers": 1}, {"workers": 1, "force": True}])
def test_a_copy_replaces_no_input(tmp_path: Path, config: TranscribeConfig, changes: dict[str, object]):
    video, other = tmp_path / "a.mp4", tmp_path / "a.subtitled.mp4"
    for path in (video, other):
        shutil.copy(DEMO_VIDEO, path)
    with pytest.raises(OvwError, match=r"a\.subtitled\.mp4 is one of the inputs and would be overwritten"):
        run(tmp_path, config, embed=True, overwrite=True, **changes)
    assert other.read_bytes() == DEMO_VIDEO.read_bytes()
    assert sorted(tmp_path.iterdir()) == [video, other]


def test_workers_keep_a_copy_that_ovw_did_not_make(
    tmp_path: Path, config: TranscribeConfig, capsys: pytest.CaptureFixture[str]
):
    video, copy = tmp_path / "talk.mp4", tmp_path / "talk.subtitled.mp4"
    for path in (video, copy):
        shutil.copy(DEMO_VIDEO, path)
    run(video, config, workers=1)
    for changes in ({}, {"force": True}):
        with pytest.raises(OvwError, match=r"talk\.subtitled\.mp4 exists and would be overwritten"):
            run(video, config, workers=1, embed=True, **changes)
        assert copy.read_bytes() == DEMO_VIDEO.read_bytes()
    run(video, config, workers=1, embed=True, overwrite=True)
    assert is_output(copy)
    shown(video, config, workers=1, embed=True)
    assert "done before: 1" in capsys.readouterr().err


def test_files_without_a_copy_are_planned_as_if_none_were_wanted(tmp_path: Path):
    sounds = [clip(tmp_path / name) for name in ("a.mp3", "a.subtitled.mp3")]
    inputs, _ = expand([str(path) for path in sounds])
    assert plan_outputs(inputs, ["srt"], None, embed=True) == plan_outputs(inputs, ["srt"], None)


LONG = "ä" * 125  # 250 bytes


def test_names_of_nearly_255_bytes(tmp_path: Path, config: TranscribeConfig):
    media = clip(tmp_path / f"{LONG}.mp3")
    run(media, config)
    assert (tmp_path / f"{LONG}.srt").is_file()
    assert sorted(path.suffix for path in tmp_path.iterdir() if path.is_file()) == [".mp3", ".srt"]
    longer = clip(tmp_path / f"{LONG}b.mp3")
    with pytest.raises(OvwError, match="256 bytes, its path"):  # before any work: the model is not even there
        transcribe_all([str(longer)], config.model_copy(update={"format": ("json",)}), Terminal(quiet=True), yes=False)


def test_problems_of_names(tmp_path: Path):
    assert name_problem(tmp_path / "talk.srt") == ""
    assert name_problem(tmp_path / 'a "b": c?.srt') == ""  # this file system takes them
    assert name_problem(tmp_path / "missing" / "talk.srt") == ""
    assert "too long: 256 bytes" in name_problem(tmp_path / ("a" * 256))
    deep = tmp_path.joinpath(*["d" * 200] * 25)
    assert "file systems take 255 and 4095" in name_problem(deep)
    assert name_problem(Path("a\0b"))
    assert list(tmp_path.iterdir()) == []


def test_a_file_system_that_refuses_characters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def touch(self: Path, *args: object) -> None:
        if ":" in self.name:
            raise OSError(22, "Invalid argument")

    monkeypatch.setattr(Path, "touch", touch)
    assert name_problem(tmp_path / "a:b.srt") == "the file system refuses its characters ':': Invalid argument"
    assert [*refusals([tmp_path / "a:b.srt"], overwrite=False)] == [tmp_path / "a:b.srt"]


def test_names_made_of_long_names():
    assert short_name("base-fp16") == "base-fp16"
    assert len(short_name(LONG).encode()) < 200
    assert short_name(LONG) != short_name(LONG + "b")


def test_artifact_folders_of_long_names(tmp_path: Path):
    with staged_folder(tmp_path / LONG) as folder:
        (folder / "a").write_text("a")
    assert [path.name for path in tmp_path.iterdir()] == [LONG]
    with pytest.raises(UsageError, match="too long: 256 bytes"):
        check_target(tmp_path / ("a" * 256))
