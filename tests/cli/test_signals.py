"""How processes end: on SIGTERM as on Ctrl-C, with their children, and what a kill leaves is swept."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest
from support.command import OVW
from support.speech_files import wav
from support.tiny_whisper import SELFTEST_CLIP

from ovw.convert.plan import Converted
from ovw.scratch import foreign_scratch, scratch_folder

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no such signals")
FAST = ["-m", "tiny-random", "--language", "en", "--temperature", "0", "--beam-size", "1", "--max-new-tokens", "4"]
SCRATCH = """
from ovw.lifetime import end_on_signals
from ovw.scratch import scratch_folder
import os, time
end_on_signals()
with scratch_folder() as folder:
    (folder / "large").write_bytes(b"x")
    while True:
        try:
            print(folder, flush=True)
            time.sleep(60)
        except KeyboardInterrupt:
            pass  # as native code: it goes on
"""
STRUCK = """
import os, sys
from ovw.cli import app
begin = app.end_on_signals
def struck():
    begin()
    os.kill(os.getpid(), int(sys.argv.pop()))
app.end_on_signals = struck
app.main()
"""
IMPORTED = """
import os, runpy, signal, sys
class Strike:
    def find_spec(self, name, *others):
        if name == "ovw.cli.app":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Strike())
runpy.run_module("ovw", run_name="__main__")
"""
WORKERS = """
import os, sys, time
from pathlib import Path
from ovw.lifetime import end_on_signals
from ovw.scale.processes import Processes

class Sleeper:
    def load(self):
        return self.work
    def work(self, item):
        Path(sys.argv[1], str(os.getpid())).touch()
        time.sleep(600)

if __name__ == "__main__":
    end_on_signals()
    list(Processes(2).run(Sleeper(), range(4)))
"""


@pytest.fixture
def env(tmp_path: Path, tiny: Converted, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    (tmp_path / "home" / "models").mkdir(parents=True)
    (tmp_path / "home" / "models" / "tiny-random").symlink_to(tiny.folder)
    (tmp_path / "tmp").mkdir()
    return os.environ | {"OVW_HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path / "tmp"), "TERM": "dumb"}


def ended(process: subprocess.Popen, number: int) -> str:
    """What it tells when it gets a signal; it ends."""
    process.send_signal(number)
    _, told = process.communicate(timeout=60)
    return told if isinstance(told, str) else told.decode()


def test_ctrl_c_while_the_command_line_is_imported() -> None:
    done = subprocess.run([sys.executable, "-c", IMPORTED, "models"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_transcribe_keeps_what_is_done(env: dict[str, str], tmp_path: Path, number: int, code: int) -> None:
    (tmp_path / "talk.flac").write_bytes(SELFTEST_CLIP.read_bytes())
    args = [*OVW, "transcribe", "talk.flac", "-", "--pcm", "s16le", *FAST]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(args, env=env, cwd=tmp_path, **pipes) as process:
        assert process.stdout.readline() == b"talk.srt\n"
        assert ended(process, number) == "ovw: interrupted\n"
    assert process.returncode == code
    assert (tmp_path / "talk.srt").is_file()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_before_the_verb(env: dict[str, str], number: int, code: int) -> None:
    done = subprocess.run([sys.executable, "-c", STRUCK, str(int(number))], env=env, capture_output=True, text=True)
    assert (done.stderr, done.returncode) == ("ovw: interrupted\n", code)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_native_code_does_not_hold_it_up(env: dict[str, str], tmp_path: Path, number: int, code: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", SCRATCH], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert Path(process.stdout.readline().strip()).is_dir()
    assert ended(process, number) == "ovw: interrupted\n"
    assert process.returncode == code
    assert not list((tmp_path / "tmp").iterdir())


def test_what_a_kill_leaves_is_swept(env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", env["TMPDIR"])
    (stranger := tmp_path / "tmp" / "ovw-notes").mkdir()
    with scratch_folder() as living:
        process = subprocess.Popen([sys.executable, "-c", SCRATCH], env=env, stdout=subprocess.PIPE, text=True)
        left = Path(process.stdout.readline().strip())
        assert living.is_dir()  # it is held, and was not swept
        process.kill()
        process.communicate()
        assert left.is_dir()
        with scratch_folder() as another:
            assert not left.parent.exists()
            assert sorted((tmp_path / "tmp").iterdir()) == sorted([living.parent, another.parent, stranger])
            assert not list(another.iterdir())
    assert list((tmp_path / "tmp").iterdir()) == [stranger]


def test_what_a_library_leaves_is_swept_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with foreign_scratch():
        assert next(iter(tmp_path.iterdir())) in Path(tempfile.mkdtemp()).parents
    assert not list(tmp_path.iterdir())
    assert tempfile.gettempdir() == str(tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a thread looks every half second")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_workers_do_not_outlive_their_parent(env: dict[str, str], tmp_path: Path, number: int) -> None:
    (tmp_path / "script.py").write_text(WORKERS)
    (pids := tmp_path / "pids").mkdir()
    process = subprocess.Popen([sys.executable, tmp_path / "script.py", pids], env=env, stderr=subprocess.PIPE)
    while len(found := list(pids.iterdir())) < 2 and process.poll() is None:
        time.sleep(0.02)
    workers = [psutil.Process(int(path.name)) for path in found]
    assert len(workers) == 2
    ended(process, number)
    _, alive = psutil.wait_procs(workers, timeout=60)
    assert not alive


def test_a_child_that_begins_after_its_parents_end() -> None:
    code = "import sys; from ovw.lifetime import end_with_parent; end_with_parent(int(sys.argv[1])); print('on')"
    for parent, printed in ((os.getpid(), "on\n"), (os.getppid(), "")):
        child = subprocess.run([sys.executable, "-c", code, str(parent)], capture_output=True, text=True)
        assert child.stdout == printed
        assert child.returncode == (0 if printed else 1)


def test_bench_leaves_no_process_and_no_folder(env: dict[str, str], tmp_path: Path) -> None:
    pytest.importorskip("psutil")
    out = tmp_path / "r.json"
    (tmp_path / "c.yaml").write_text(
        "stages: [encoder]\nseconds: 600\niterations: 1000000\nroofline: false\nbudget: null\n"
    )
    command = [*OVW, "bench", "-m", "tiny-random", "--config", str(tmp_path / "c.yaml"), "-o", str(out)]
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    children: list[psutil.Process] = []
    while not (out.exists() and children) and process.poll() is None:
        time.sleep(0.02)
        children = psutil.Process(process.pid).children(recursive=True)
    assert children
    assert f"--resume {out} goes on" in ended(process, signal.SIGTERM)
    assert process.returncode == 143
    assert not psutil.wait_procs(children, timeout=60)[1]
    assert not list((tmp_path / "tmp").iterdir())


def test_an_eval_is_taken_up_after_sigterm(env: dict[str, str], tmp_path: Path) -> None:
    rows = []
    for number in range(30):
        (tmp_path / f"{number}.wav").write_bytes(wav(seed=number))
        rows.append(f'{{"audio": "{number}.wav", "reference": "word"}}\n')
    (tmp_path / "clips.jsonl").write_text("".join(rows))
    (tmp_path / "c.yaml").write_text("temperature: 0\nmax_new_tokens: 4\nvad: false\n")
    command = [*OVW, "eval", "clips.jsonl", "-m", "tiny-random", "--config", "c.yaml", "-o", "run"]
    lines = tmp_path / "run" / "hypotheses.jsonl"
    process = subprocess.Popen(command, env=env, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while process.poll() is None and not (lines.exists() and lines.stat().st_size):
        time.sleep(0.01)
    ended(process, signal.SIGTERM)
    assert process.returncode == 143
    kept = lines.read_bytes()
    assert kept
    subprocess.run(command, env=env, cwd=tmp_path, check=True, capture_output=True)
    assert lines.read_bytes().startswith(kept[: kept.rfind(b"\n") + 1])
    assert len(lines.read_bytes().splitlines()) == 30


@pytest.mark.parametrize(
    ("args", "code", "shown"),
    [(["models", "--json"], 0, '"base"'), (["transcribe", "no.wav", "-m", "none"], 1, "no.wav")],
)
def test_the_end_of_a_command_is_quick_and_whole(args: list[str], code: int, shown: str, tmp_path: Path) -> None:
    """All is printed, and the exit code is right, though nothing is torn down."""
    done = subprocess.run([*OVW, *args], check=False, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == code
    assert shown in done.stdout + done.stderr


def test_what_waits_for_the_exit_is_done() -> None:
    program = """
import atexit
from ovw.lifetime import end_after_exit_functions
atexit.register(print, "closed")
end_after_exit_functions(3)
"""
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (3, "closed\n")
