"""The web page: edited cues, addresses, tabs, who may reach it, and work that it starts."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from dataclasses import replace
from functools import partial
from pathlib import Path

import psutil
import pytest
from support import page_work
from support.serve import serve
from support.tiny_whisper import ROOT, SELFTEST_CLIP
from support.transcripts import document, segment, spoken

from ovw.config import build
from ovw.errors import OvwError
from ovw.subtitles import FORMATS
from ovw.ui.actions import stepwise
from ovw.ui.config import UiConfig
from ovw.ui.cues import cue_rows, edited, parse_time
from ovw.ui.media import check_address, chosen_media
from ovw.ui.tabs import LoadedModels, Tabs
from ovw.ui.transcription import check_copy

SEGMENTS = [segment(0, 2.5, " Hello there."), segment(2.5, 4, " "), segment(4, 6.25, " General remarks.")]


@pytest.mark.parametrize(
    ("text", "ms"),
    [("00:01:02.500", 62_500), ("1:02,5", 62_500), ("01:00:00.000", 3_600_000), ("0:7", 7_000), ("7", None),
     ("00:61:75", None), ("", None), ("-1:00", None), ("aa:bb", None)],
)  # fmt: skip
def test_times(text: str, ms: int | None) -> None:
    assert parse_time(text) == ms


@pytest.mark.parametrize("ending", ["srt", "vtt", "tsv", "txt"])
def test_an_unedited_table_gives_the_same_file(ending: str) -> None:
    made = document(*SEGMENTS)
    assert FORMATS[ending](edited(made, cue_rows(made))) == FORMATS[ending](made)


def test_an_edited_cue_changes_nothing_else() -> None:
    made = document(*SEGMENTS)
    rows = [list(row) for row in cue_rows(made)]
    rows[1][2] = "General Kenobi."
    changed = edited(made, rows)
    assert FORMATS["srt"](changed) == FORMATS["srt"](made).replace("General remarks.", "General Kenobi.")
    assert changed.segments[0].tokens == made.segments[0].tokens


TIMELESS = [
    spoken(0, 0, " Well,"), spoken(0, 2, " Ça va\u00a0?"), segment(2, 2, " \t"), spoken(2, 4, " Oui,  merci."),
    spoken(4, 4, " Et toi\u202f?"), spoken(5, 6, " Bien."), spoken(12, 13, " Fin."),
]  # fmt: skip


def test_cues_that_were_not_touched_keep_their_segments() -> None:
    made = document(*TIMELESS, duration=9.0)
    rows = cue_rows(made)
    assert [row[2] for row in rows] == ["Well, Ça va\u00a0?", "Oui, merci. Et toi\u202f?", "Bien. Fin."]
    kept = [replace(one, id=number) for number, one in enumerate(one for one in TIMELESS if one.text.strip())]
    assert edited(made, rows).segments == kept
    changed = edited(made, [rows[0], (*rows[1][:2], "Non."), rows[2]])
    assert [one.text for one in changed.segments] == [" Well,", " Ça va\u00a0?", " Non.", " Bien.", " Fin."]
    assert [bool(one.words) for one in changed.segments] == [True, True, False, True, True]


def test_a_cue_above_text_without_time() -> None:
    made = document(segment(1, 1, " Well,"), segment(1, 3, " hello."))
    rows = [("00:00:00.000", "00:00:01.000", "One."), *cue_rows(made)]
    assert cue_rows(edited(made, rows)) == rows


def test_rows_may_be_removed_and_added() -> None:
    made = document(*SEGMENTS)
    rows = [("00:00:00.000", "00:00:01.000", "One."), ("", "", ""), ("00:00:01.000", "00:00:02.000", "Two.")]
    assert [row[2] for row in cue_rows(edited(made, rows))] == ["One.", "Two."]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (("x", "00:00:02.000", "a"), "cue 1: 'x' is no time"),
        (("00:00:02.000", "00:00:02.000", "a"), "cue 1 ends at 00:00:02.000, not after its start"),
        (("00:00:02.000", "99:00:00.000", "a"), "past the end of the media"),
        (("", "00:00:02.000", "a"), "cue 1: '' is no time"),
    ],
)
def test_wrong_times(row: tuple[str, str, str], message: str) -> None:
    with pytest.raises(OvwError, match=message):
        edited(document(*SEGMENTS), [row])


def test_cues_that_overlap() -> None:
    rows = [("00:00:00.000", "00:00:02.000", "a"), ("00:00:01.000", "00:00:03.000", "b")]
    with pytest.raises(OvwError, match=r"cue 2 starts at .*, before the one above it ends"):
        edited(document(*SEGMENTS), rows)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "example.org"])
def test_a_page_for_others_needs_a_password(host: str) -> None:
    with pytest.raises(OvwError, match="there is no password"):
        build(UiConfig, {"host": host})
    assert build(UiConfig, {"host": host, "password": "long enough"})
    with pytest.raises(OvwError):
        build(UiConfig, {"host": host, "password": "short"})


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_a_page_for_this_machine_needs_none(host: str) -> None:
    assert build(UiConfig, {"host": host}).is_local


@pytest.mark.parametrize(
    "address", ["/etc/passwd", "file:///etc/passwd", "ftp://example.org/a", "https://", "http://[::1", "talk.mp4"]
)
def test_only_web_addresses_are_read(address: str) -> None:
    with pytest.raises(OvwError, match="is no web address"):
        check_address(address, local=True)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "10.0.0.7", "[::1]", "169.254.169.254"])
def test_addresses_within_the_network_are_not_read_for_others(host: str) -> None:
    with pytest.raises(OvwError, match="is within this network"):
        check_address(f"http://{host}/a.mp4", local=False)
    check_address(f"http://{host}/a.mp4", local=True)


def test_names_that_are_not_known_are_not_read_for_others() -> None:
    with pytest.raises(OvwError, match=r"nowhere\.invalid is not known"):
        check_address("http://nowhere.invalid/a.mp4", local=False)


def test_nothing_to_transcribe(tmp_path: Path) -> None:
    with pytest.raises(OvwError, match="nothing to transcribe"):
        chosen_media(None, " ", tmp_path, local=True)


def test_what_comes_from_an_address_stays_and_keeps_its_title(tmp_path: Path) -> None:
    """Its cues can be edited afterwards."""
    (tmp_path / "www").mkdir()
    shutil.copy(SELFTEST_CLIP, tmp_path / "www" / "far away.flac")
    with serve(tmp_path / "www") as root:
        media = chosen_media(None, f"{root}/far%20away.flac", tmp_path, local=True)
    assert media == tmp_path / "far away.flac"
    assert media.read_bytes() == SELFTEST_CLIP.read_bytes()


def test_a_file_and_an_address(tmp_path: Path) -> None:
    with pytest.raises(OvwError, match="a file and an address"):
        chosen_media("a.mp4", "http://x.org/a", tmp_path, local=True)


def test_a_tab_keeps_the_last_download_alone(tmp_path: Path) -> None:
    tab = Tabs(tmp_path).of("a")
    (tab.download_folder() / "a.mp4").touch()
    assert list(tab.download_folder().iterdir()) == []


def test_equal_uploads_stay_until_the_last_tab_closes(tmp_path: Path) -> None:
    tabs = Tabs(tmp_path)
    folder = tmp_path / "uploads" / "hash"
    folder.mkdir(parents=True)
    uploads = {"one": folder / "talk.mp4", "two": folder / "talk.mp4", "three": folder / "lecture.mp4"}
    for key, upload in uploads.items():
        upload.touch()
        tabs.of(key).uploads.add(upload)
    for key in uploads:
        assert all(upload.is_file() for upload in uploads.values())
        tabs.close(key)
    assert not folder.exists()


def test_copies_that_cannot_be_are_refused_before_the_work() -> None:
    check_copy(Path("a.mp4"), ["srt", "video"])
    check_copy(Path("a.wav"), ["srt"])
    with pytest.raises(OvwError, match=r"a\.wav cannot hold a subtitle track"):
        check_copy(Path("a.wav"), ["srt", "video"])


def test_tabs_do_not_share_files_and_end_with_all_of_theirs(tmp_path: Path) -> None:
    tabs = Tabs(tmp_path)
    one, two = tabs.of("one"), tabs.of("two")
    (one.new_folder() / "a.srt").write_text("1", encoding="utf-8")
    (two.new_folder() / "a.srt").write_text("2", encoding="utf-8")
    upload = tmp_path / "uploads" / "hash" / "talk.mp4"
    upload.parent.mkdir(parents=True)
    upload.touch()
    one.uploads.add(upload)
    stopped = [one.begin("subtitles"), one.begin("convert")]
    running = two.begin("convert")
    tabs.close("one")
    assert all(switch.is_set() for switch in stopped)
    assert not one.folder.exists()
    assert not upload.parent.exists()
    assert len(list(two.folder.rglob("a.srt"))) == 1
    assert not running.is_set()
    tabs.close_all()
    assert not two.folder.exists()


def test_work_that_begins_stops_what_ran_before(tmp_path: Path) -> None:
    tab = Tabs(tmp_path).of("one")
    first, other = tab.begin("convert"), tab.begin("subtitles")
    second = tab.begin("convert")
    assert first.is_set()
    assert not second.is_set()
    tab.stop("convert")
    assert second.is_set()
    assert not other.is_set()


def test_few_models_stay_loaded() -> None:
    loaded: list[str] = []
    models = LoadedModels(lambda name: loaded.append(name) or name)  # type: ignore[func-returns-value, return-value, arg-type]
    for name in ("a", "b", "a", "c", "a", "b"):
        assert models.get(name) == name
    assert loaded == ["a", "b", "c", "b"]


def test_steps_and_failures_of_work_in_a_process() -> None:
    never = threading.Event()
    steps = [(step.text, step.result) for step in stepwise(page_work.counted, never)]
    assert steps == [("one", None), ("two", None), ("done", 3)]
    with pytest.raises(OvwError, match="no room") as refusal:
        list(stepwise(page_work.refused, never))
    assert refusal.value.hint == "make some"
    with pytest.raises(OvwError, match="without a result, with exit code 7"):
        list(stepwise(page_work.crashed, never))


@pytest.mark.parametrize("deaf", [False, True])
def test_stopped_work_ends_at_once_and_leaves_nothing(tmp_path: Path, deaf: bool) -> None:
    stopped = threading.Event()
    steps = stepwise(partial(page_work.written, tmp_path / "artifact", deaf), stopped)
    process = psutil.Process(int(next(steps).text))
    assert list(tmp_path.glob(".artifact.partial-*/half"))
    stopped.set()
    assert list(steps) == []
    assert not process.is_running()
    assert not [path for path in tmp_path.iterdir() if path.suffix != ".lock"]


def test_a_process_ends_though_nobody_waits_for_its_steps(tmp_path: Path) -> None:
    stopped = threading.Event()
    steps = stepwise(partial(page_work.written, tmp_path / "artifact", False), stopped)
    process = psutil.Process(int(next(steps).text))
    del steps  # as the server drops it when a tab is closed
    stopped.set()
    process.wait(60)
    assert not list(tmp_path.iterdir())


PAGE = """
import sys, threading
from functools import partial
from pathlib import Path
from ovw.ui.actions import stepwise
from support import page_work
for step in stepwise(partial(page_work.written, Path(sys.argv[1]), False), threading.Event()):
    print(step.text, flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no signal that lets a process clean up")
def test_work_ends_with_the_page_however_that_ends(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PAGE, str(tmp_path / "artifact")]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "tests")}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as page:
        assert page.stdout
        process = psutil.Process(int(page.stdout.readline()))
        page.kill()
    assert not psutil.wait_procs([process], timeout=60)[1]
    assert not list(tmp_path.iterdir())
