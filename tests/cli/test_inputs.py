"""`ovw transcribe` with folders, addresses and standard input, and how it ends when something is in the way."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support.command import run_forked
from support.odd_media import half_of_an_mp4, speech
from support.serve import serve
from support.shared import with_caches
from support.speech_files import wav
from support.tiny_whisper import SELFTEST_CLIP

from ovw.audio.decode import load_audio
from ovw.cli.transcription.failures import FailureCollector
from ovw.convert.plan import Converted
from ovw.errors import OvwError

CLIP = SELFTEST_CLIP.read_bytes()
COMMAND = [sys.executable, "-m", "ovw", "transcribe"]
FAST = ["-m", "tiny-random", "--language", "en", "--temperature", "0", "--beam-size", "1", "--max-new-tokens", "4"]


@pytest.fixture
def env(tmp_path: Path, tiny: Converted) -> dict[str, str]:
    (with_caches(tmp_path / "home") / "models").mkdir()
    (tmp_path / "home" / "models" / "tiny-random").symlink_to(tiny.folder)
    return os.environ | {"OVW_HOME": str(tmp_path / "home"), "TERM": "dumb", "NO_COLOR": "1"}


@pytest.fixture
def work(tmp_path: Path) -> Path:
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


def run(
    *args: object, env: dict[str, str], cwd: Path, code: int = 0, stdin: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    done = run_forked(["transcribe", *args], env, cwd, stdin)
    assert done.returncode == code, done.stderr.decode()
    assert b"Traceback" not in done.stderr
    return done


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_everything_at_once(env: dict[str, str], work: Path) -> None:
    (work / "talks" / "day 2").mkdir(parents=True)
    (work / "talks" / "a.flac").write_bytes(CLIP)
    (work / "talks" / "day 2" / "b.flac").write_bytes(CLIP)
    (work / "talks" / "bad.mp3").write_text("no sound")
    (work / "www").mkdir()
    (work / "www" / "far away.flac").write_bytes(CLIP)
    with serve(work / "www") as root:
        done = run(
            "talks", "none.mp4", "-", f"{root}/far%20away.flac", f"{root}/none.mp3", "-o", "out", *FAST,
            env=env, cwd=work, code=1, stdin=CLIP,
        )  # fmt: skip
    assert files(work / "out") == ["a.srt", "day 2/b.srt", "far away.srt", "stdin.srt"]
    *each, last = done.stderr.decode().splitlines()
    assert len(each) == 3
    assert last.startswith("ovw: 3 of 7 inputs failed: ")
    for part in ("none.mp4: no such file", "none.mp3: ", "404", "bad.mp3: "):
        assert part in last


def test_outputs_of_stdin_and_addresses_are_in_the_current_folder(
    env: dict[str, str], work: Path, tmp_path: Path
) -> None:
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "talk.flac").write_bytes(CLIP)
    (tmp_path / "scratch").mkdir()
    with serve(tmp_path / "www") as root:
        run("-", f"{root}/talk.flac", *FAST, env=env | {"TMPDIR": str(tmp_path / "scratch")}, cwd=work, stdin=CLIP)
    assert files(work) == ["stdin.srt", "talk.srt"]
    assert not files(tmp_path / "scratch")


def test_raw_samples(env: dict[str, str], work: Path) -> None:
    raw = np.repeat((speech() * 32767).astype("<i2"), 2).tobytes()
    done = run("-", "--pcm", "s16le", "--pcm-channels", 2, "-f", "json", "-o", "-", *FAST, env=env, cwd=work, stdin=raw)
    assert b'"media": "stdin"' in done.stdout
    assert b'"duration": 3.84' in done.stdout
    assert not files(work)
    done = run("-", *FAST, env=env, cwd=work, stdin=b"\0" * 4000, code=1)
    assert b"--pcm" in done.stderr


def test_no_speech_is_told(env: dict[str, str], work: Path) -> None:
    silence = np.zeros(2 * 16_000, "<i2").tobytes()
    done = run("-", "--pcm", "s16le", *FAST, env=env, cwd=work, stdin=silence)
    assert done.stderr == b"ovw: stdin: no speech was found\n"
    assert files(work) == ["stdin.srt"]
    (work / "silent.wav").write_bytes(wav(2.0, loudness=0))
    done = run("silent.wav", "--workers", 1, "-q", *FAST, env=env, cwd=work)
    assert done.stderr == b"ovw: silent.wav: no speech was found\n"


def test_what_is_missing_is_told_before_a_model_is_asked_for(env: dict[str, str], work: Path, tmp_path: Path) -> None:
    empty = env | {"OVW_HOME": str(tmp_path / "no-models")}
    done = run("none.mp4", env=empty, cwd=work, code=1)
    assert done.stderr.decode() == "ovw: none.mp4: no such file. Hint: check the path.\n"
    (work / "folder").mkdir()
    done = run("none.mp4", "folder", env=empty, cwd=work, code=1)
    assert b"2 of 2 inputs failed" in done.stderr


def test_printing_overwrites_nothing(env: dict[str, str], work: Path) -> None:
    for name in ("talk.srt", "talk.flac", "talk.flac.srt"):
        (work / name).write_bytes(CLIP)
    done = run("talk.srt", "talk.flac", "-o", "-", "-f", "json", *FAST, env=env, cwd=work)
    assert [json.loads(line)["media"] for line in done.stdout.splitlines()] == ["talk.srt", "talk.flac"]
    assert files(work) == ["talk.flac", "talk.flac.srt", "talk.srt"]


def test_documents_that_cannot_follow_each_other_are_not_printed(env: dict[str, str], work: Path) -> None:
    for name in ("a.flac", "b.flac"):
        (work / name).write_bytes(CLIP)
    done = run(".", "-o", "-", *FAST, env=env, cwd=work, code=2)
    assert b"standard output takes one input as srt, not 2" in done.stderr
    assert b"txt, json, verbose_json" in done.stderr


def test_home_in_a_configuration(env: dict[str, str], work: Path) -> None:
    (work / "talk.flac").write_bytes(CLIP)
    (work / "c.yaml").write_text("output: ~/subtitles\n")
    run("talk.flac", "--config", "c.yaml", *FAST, env=env | {"HOME": str(work)}, cwd=work)
    assert (work / "subtitles" / "talk.srt").is_file()


def test_damage_is_one_line(env: dict[str, str], work: Path) -> None:
    half_of_an_mp4(work / "a.mp4")
    done = run("a.mp4", *FAST, env=env, cwd=work)
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith("ovw: a.mp4: its sound ends at 00:00:03, its header claims 00:00:07")


def test_ctrl_c_keeps_what_is_done(env: dict[str, str], work: Path) -> None:
    (work / "talk.flac").write_bytes(CLIP)
    args = [*COMMAND, "talk.flac", "-", "--pcm", "s16le", *FAST]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(args, env=env, cwd=work, **pipes) as process:  # type: ignore[call-overload]
        assert process.stdout.readline() == b"talk.srt\n"
        process.send_signal(signal.SIGINT)
        _, told = process.communicate()
    assert process.returncode == 130
    assert told == b"ovw: interrupted\n"
    assert files(work) == ["talk.flac", "talk.srt"]


def test_the_first_ctrl_c_ends_a_live_input_and_keeps_its_text(env: dict[str, str], work: Path) -> None:
    os.mkfifo(work / "later.wav")
    args = [*COMMAND, "-", "later.wav", "--pcm", "s16le", *FAST]
    sound = (speech() * 32767).astype("<i2").tobytes()
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(args, env=env, cwd=work, bufsize=0, **pipes) as process:  # type: ignore[call-overload]
        process.stdin.write(sound * (1 + 40 * 16_000 // len(speech())))  # returns when nearly all of it was read
        process.send_signal(signal.SIGINT)
        out, errors = process.stdout.read(), process.stderr.read()  # standard input stays open
        process.wait()
    assert out == b"stdin.srt\n"
    assert errors == b"ovw: the input ends here; Ctrl-C once more stops at once\n"
    assert process.returncode == 130
    assert files(work) == ["stdin.srt"]
    assert (work / "stdin.srt").read_text().count(" --> ") > 1


def test_what_a_recorder_writes_at_its_end_is_transcribed_too(env: dict[str, str], work: Path) -> None:
    """Ctrl-C ends the recorder as well; its last sound comes after the signal."""
    args = [*COMMAND, "-", "--pcm", "s16le", "-o", "-", "-f", "json", *FAST]
    sound = (speech(12) * 32767).astype("<i2").tobytes()
    with subprocess.Popen(
        args, env=env, cwd=work, bufsize=0, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.stdin.write(sound[: len(sound) // 2])
        process.send_signal(signal.SIGINT)
        process.stdin.write(sound[len(sound) // 2 :])
        process.stdin.close()
        out = process.stdout.read()
    assert json.loads(out)["duration"] == pytest.approx(len(sound) / 32_000, abs=0.1)


def test_a_reader_that_has_gone(env: dict[str, str], work: Path) -> None:
    (work / "talk.flac").write_bytes(CLIP)
    args = [*COMMAND, "talk.flac", "-o", "-", "-f", "json", *FAST]
    with subprocess.Popen(args, env=env, cwd=work, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        told = process.stderr.read()
    assert process.returncode == 1
    assert told == b""


def test_a_terminal_is_no_input(env: dict[str, str], work: Path) -> None:
    import pty

    master, terminal = pty.openpty()
    done = subprocess.run([*COMMAND, "-"], stdin=terminal, capture_output=True, env=env, cwd=work)
    os.close(master)
    os.close(terminal)
    assert done.returncode == 1
    assert b"nothing is piped in" in done.stderr


def test_the_unexpected_is_one_line_too(capsys: pytest.CaptureFixture[str]) -> None:
    batch = FailureCollector(2)
    with batch.turn("a.mp3"):
        raise RuntimeError("two\nlines")
    with batch.turn("b.mp3"):
        pass
    assert capsys.readouterr().err == "ovw: a.mp3: unexpected RuntimeError: two lines (ovw -v shows where)\n"
    with pytest.raises(OvwError, match=r"1 of 2 inputs failed: a\.mp3"):
        batch.finish()
    with pytest.raises(KeyboardInterrupt), batch.turn("c.mp3"):
        raise KeyboardInterrupt


def test_inputs_are_counted_not_their_outputs() -> None:
    batch = FailureCollector(3)
    for label in ("a.mp4", "b.mp4"):
        with batch.turn(label):
            for ending in ("srt", "vtt"):
                batch.fail(OvwError(f"{label}: no {ending}"))
    with pytest.raises(OvwError, match=r"^2 of 3 inputs failed: a\.mp4: no srt; a\.mp4: no vtt; b\.mp4: no srt"):
        batch.finish()


def test_all_failures_of_one_input_are_named() -> None:
    batch = FailureCollector(1)
    with batch.turn("a.mp4"):
        for ending in ("srt", "vtt"):
            batch.fail(OvwError(f"no {ending}", "--overwrite replaces it"))
    with pytest.raises(OvwError, match=r"^no srt; no vtt") as failure:
        batch.finish()
    assert failure.value.hint == "--overwrite replaces it"


def test_whisper_takes_what_callers_have(tiny: Converted) -> None:
    from ovw import Whisper

    whisper = Whisper(tiny.folder)
    samples = load_audio(SELFTEST_CLIP)
    how = {"language": "en", "temperature": (0.0,), "beam_size": 1, "max_new_tokens": 4}
    expected = [segment.tokens for segment in whisper.transcribe(SELFTEST_CLIP, **how)]
    for media in ((samples * 32768).astype(np.int16), np.stack([samples, samples]), iter(np.array_split(samples, 5))):
        result = whisper.transcribe(media, **how)
        assert result.duration == pytest.approx(len(samples) / 16_000)
        assert [segment.tokens for segment in result] == expected
    with pytest.raises(OvwError, match="not finite"):
        whisper.transcribe(np.full(100, np.nan, np.float32), **how)
