"""What can be read only once: named pipes, process substitution, devices."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from support.tiny_whisper import SELFTEST_CLIP

from ovw import Whisper
from ovw.audio import pipes
from ovw.audio.decode import load_audio
from ovw.audio.inputs import expand, of_each_channel
from ovw.audio.pipes import is_pipe, open_pipe
from ovw.convert.plan import Converted
from ovw.errors import OvwError


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / "talk.fifo")
    return tmp_path / "talk.fifo"


def fill(fifo: Path, content: bytes, after_s: float = 0.0) -> threading.Thread:
    def write() -> None:
        time.sleep(after_s)
        fifo.write_bytes(content)

    thread = threading.Thread(target=write)
    thread.start()
    return thread


def test_what_is_a_pipe(tmp_path: Path, fifo: Path):
    assert is_pipe(fifo)
    assert is_pipe(Path("/dev/null"))
    assert not any(map(is_pipe, (SELFTEST_CLIP, tmp_path, tmp_path / "missing", Path("a\0b"))))


@pytest.mark.parametrize("after_s", [0.0, 0.3])
def test_a_named_pipe_is_read_once(fifo: Path, after_s: float):
    writer = fill(fifo, SELFTEST_CLIP.read_bytes(), after_s)
    assert np.array_equal(load_audio(fifo), load_audio(SELFTEST_CLIP))
    writer.join()


def test_the_runner_takes_a_pipe(fifo: Path, tiny: Converted):
    whisper, options = Whisper(tiny.folder), {"language": "en", "max_new_tokens": 4, "temperature": 0.0}
    expected = [s.tokens for s in whisper.transcribe(SELFTEST_CLIP, **options)]
    writer = fill(fifo, SELFTEST_CLIP.read_bytes())
    assert [s.tokens for s in whisper.transcribe(str(fifo), **options)] == expected
    writer.join()


def test_nobody_writes(fifo: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pipes, "FIRST_BYTE_S", 0.1)
    with pytest.raises(OvwError, match=r"nothing came in 0\.1 seconds"):
        load_audio(fifo)


def test_a_writer_that_says_nothing(fifo: Path):
    with open_writer(fifo), pytest.raises(OvwError, match="nothing came"):
        open_pipe(fifo, 0.1)


def open_writer(fifo: Path):
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    writer = fifo.open("wb")
    os.close(reader)
    return writer


@pytest.mark.parametrize("content", [b"", b"no media at all"])
def test_a_pipe_without_sound(fifo: Path, content: bytes):
    writer = fill(fifo, content)
    with pytest.raises(OvwError, match=r"talk\.fifo"):
        load_audio(fifo)
    writer.join()


def test_process_substitution(tmp_path: Path):
    code = "import sys; from pathlib import Path; from ovw.audio.decode import load_audio; print(len(load_audio(Path(sys.argv[1]))))"
    line = f"{sys.executable} -c '{code}' <(cat {SELFTEST_CLIP})"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout.strip() == str(len(load_audio(SELFTEST_CLIP))), done.stderr


def test_as_an_input(fifo: Path):
    (item,), _ = expand([str(fifo)])
    assert item.reads_once
    assert item.file is None
    assert (item.folder, item.stem) == (fifo.parent, "talk")
    with pytest.raises(OvwError, match="--channel each"):
        of_each_channel(item, lambda path: 2)
    (device,), _ = expand(["/dev/null"])
    assert device.folder == Path()
