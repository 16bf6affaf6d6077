"""`ovw transcribe` on a terminal: segments as they are decoded, the bar below."""

import os
import re
import shutil
from pathlib import Path

import pytest
from support.command import ovw_on_terminal, run_forked
from support.tiny_whisper import ROOT

from ovw.cli.transcription.live import segment_line
from ovw.convert.plan import Converted
from ovw.transcribe.result import Segment

CHEAP = ("-m", "tiny-random", "--language", "en", "--temperature", 0, "--max-new-tokens", 4, "--no-vad")
LINE = re.compile(r"\[00:00:\d\d\.\d{3} --> 00:00:\d\d\.\d{3}\]  \S")


@pytest.fixture
def home(tmp_path: Path, tiny: Converted) -> Path:
    """A home with an artifact, and two clips beside it."""
    (tmp_path / "home" / "models").mkdir(parents=True)
    (tmp_path / "home" / "models" / "tiny-random").symlink_to(tiny.folder)
    for name in ("a.flac", "b.flac"):
        shutil.copy(ROOT / "ovw" / "assets" / "selftest.flac", tmp_path / name)
    return tmp_path / "home"


def test_segments_stand_above_the_bar_and_below_the_name_of_their_file(tmp_path: Path, home: Path) -> None:
    shown = ovw_on_terminal("transcribe", "a.flac", "b.flac", *CHEAP, cwd=tmp_path, home=home)
    at = [shown.index(part) for part in ("a.flac:", "a.srt", "b.flac:", "b.srt")]
    assert at == sorted(at)
    for begin, end in (at[:2], at[2:]):
        assert LINE.search(shown, begin, end)
    assert "\x1b[2K" in shown  # the bar, which was cleared


@pytest.mark.parametrize("more", [("-q",), ("-f", "txt", "-o", "-")])
def test_no_segments_where_silence_or_the_text_itself_was_asked_for(
    more: tuple[str, ...], tmp_path: Path, home: Path
) -> None:
    assert not LINE.search(ovw_on_terminal("transcribe", "a.flac", *CHEAP, *more, cwd=tmp_path, home=home))


ODD = "[red]\x1b[31m\x1b]0;title\x07\n.flac"


def test_names_of_files_cannot_steer_the_terminal(tmp_path: Path, home: Path) -> None:
    (tmp_path / "a.flac").rename(tmp_path / ODD)
    shown = ovw_on_terminal("transcribe", ODD, *CHEAP, cwd=tmp_path, home=home)
    safe = "[red]\\x1b[31m\\x1b]0;title\\x07\\n"
    assert f"{safe}.srt\r\n" in shown
    assert f"{safe}.flac " in shown  # the bar
    assert "\x1b[31m" not in shown
    assert "\x1b]" not in shown


def test_a_pipe_gets_names_as_they_are(tmp_path: Path, home: Path) -> None:
    odd = tmp_path / os.fsdecode(b"\xff" + ODD.encode())
    (tmp_path / "a.flac").rename(odd)
    done = run_forked(["transcribe", odd, *CHEAP], {**os.environ, "OVW_HOME": str(home)})
    assert done.stdout == os.fsencode(odd.with_suffix(".srt")) + b"\n"


def test_a_line_is_one_line() -> None:
    segment = Segment(0, 3599.9996, 3661.5, " One\n two\x1b[31m.", [], 0.0, -0.2, 1.1, 0.0, 0)
    assert segment_line(segment) == "[01:00:00.000 --> 01:01:01.500]  One two[31m."
