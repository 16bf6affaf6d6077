"""The command line: what it writes and how it refuses."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.command import all_refused, ovw, refused, run_forked
from support.shared import with_caches
from support.tiny_whisper import DEMO_VIDEO, ROOT, TINY, convert_pt, save_pt

from ovw.convert.plan import Converted
from ovw.convert.sources.random import random_checkpoint

GOLDEN = ROOT / "tests" / "golden"
SHORT = ("--language", "en", "--temperature", "0", "--max-new-tokens", 8)
"""For commands that transcribe: random weights have no end of text."""


@pytest.fixture
def models(tmp_path: Path, tiny: Converted, tiny_en_random: Converted) -> Path:
    """A home with the tiny artifacts under their names."""
    (with_caches(tmp_path / "home") / "models").mkdir()
    (tmp_path / "home" / "models" / "tiny-random").symlink_to(tiny.folder)
    (tmp_path / "home" / "models" / "tiny.en-random").symlink_to(tiny_en_random.folder)
    return tmp_path / "home"


VERBS = (
    "",
    "convert",
    "models",
    "reshape",
    "verify",
    "transcribe",
    "align",
    "eval",
    "bench",
    "report",
    "ui",
    "bench compare",
)


def help_file(verb: str) -> Path:
    return GOLDEN / f"{'-'.join(['help', *verb.split()])}.txt"


@pytest.mark.parametrize("verb", VERBS)
def test_help(verb: str) -> None:
    """`PYTHONPATH=tests python tests/cli/test_cli.py` writes these files anew."""
    assert ovw(*verb.split(), "--help").stdout == help_file(verb).read_text(encoding="utf-8")


def test_version() -> None:
    assert re.fullmatch(r"ovw \d+\.\d+\.\d+", ovw("--version").stdout.strip())


def test_models_lists_every_size(models: Path, tiny: Converted) -> None:
    from ovw.models import sizes

    (models / "models" / "my-whisper-fp16").symlink_to(tiny.folder)
    out = ovw("models", home=models).stdout
    for name in sizes():
        assert f"\n{name} " in out
    assert re.search(r"large-v3-turbo .* 128 .* no\b", out)
    assert "hf:openai/whisper-small" in out
    assert "pip: ovw[weights-base], OpenAI" in out
    assert re.search(r"\ntiny\.en .*\btiny\.en-random\b", out, re.DOTALL)
    assert out.splitlines()[-1] == "other artifacts here: my-whisper-fp16"


def test_transcribe_writes_every_format(tmp_path: Path, models: Path) -> None:
    done = ovw(
        "transcribe", DEMO_VIDEO, "-m", "tiny-random", "-o", tmp_path / "out", "-f", "all", "--embed",
        "--max-line-width", 20, "--max-cue", 5, "--temperature", "0", "--max-new-tokens", 20, "--language", "German", "--no-speech-threshold", 1,
        home=models,
    )  # fmt: skip
    written = sorted(p.name for p in (tmp_path / "out").iterdir())
    endings = ["srt", "vtt", "json", "verbose_json", "tsv", "txt", "lrc", "ass", "subtitled.mp4"]
    assert written == sorted(f"ovw-demo.{end}" for end in endings)
    assert done.stdout.split() == [str(tmp_path / "out" / f"ovw-demo.{end}") for end in endings]
    data = json.loads((tmp_path / "out" / "ovw-demo.json").read_text(encoding="utf-8"))
    assert data["language"] == "de"
    assert data["options"]["temperature"] == [0.0]
    assert data["options"]["max_new_tokens"] == 20
    assert data["duration"] == pytest.approx(20.7, abs=0.2)


def test_transcribe_beside_the_input_and_to_stdout(tmp_path: Path, models: Path) -> None:
    clip = tmp_path / "talk.flac"
    clip.write_bytes((ROOT / "ovw" / "assets" / "selftest.flac").read_bytes())
    options = ("-m", "tiny-random", *SHORT)
    ovw("transcribe", clip, *options, home=models)
    assert (tmp_path / "talk.srt").is_file()
    printed = ovw("transcribe", clip, *options, "-f", "json", "-o", "-", home=models).stdout
    assert json.loads(printed)["media"] == "talk.flac"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["home", "talk.flac", "talk.srt"]


def test_one_bad_file_does_not_stop_the_others(tmp_path: Path, models: Path) -> None:
    bad = tmp_path / "bad.mp4"
    bad.write_text("no video")
    clip = ROOT / "ovw" / "assets" / "selftest.flac"
    options = ("-m", "tiny-random", *SHORT)
    done = ovw("transcribe", bad, clip, *options, "-o", tmp_path / "out", home=models, code=1)
    assert (tmp_path / "out" / "selftest.srt").is_file()
    assert "1 of 2 inputs failed" in done.stderr.splitlines()[-1]
    assert "bad.mp4" in done.stderr.splitlines()[-1]


def test_refusals(tmp_path: Path, models: Path) -> None:
    (tmp_path / "text.mp4").write_text("no video")
    (tmp_path / "wrong.yaml").write_text("siz: base\n")
    (tmp_path / "wrong2.yaml").write_text("beam_siz: 3\n")
    (tmp_path / "file").write_text("")
    clip, tiny = ROOT / "ovw" / "assets" / "selftest.flac", ("-m", "tiny-random")
    expected = (
        (("convert", "--size", "bse"), 2, ["unknown size 'bse'", "did you mean 'base'"]),
        (("convert",), 2, ["neither a size nor weights"]),
        (("convert", "--size", "base", "--precision", "int3"), 2, ["int3", "fp16"]),
        (("convert", "--size", "base", "--layout", "genay"), 2, ["genay", "stateless"]),
        (("convert", "--size", "base", "--tokens", "1..4"), 2, ["tokens 1..4", "--shapes bounded"]),
        (("convert", "--size", "base", "--shapes", "bounded", "--tokens", "1..500"), 2, ["1..500", "1..448"]),
        (("convert", "--size", "base", "--layout", "onnx", "--shapes", "static"), 2, ["onnx layout"]),
        (("reshape", "tiny-random", "-o", tmp_path / "r", "--batch", "many"), 2, ["many", "1..5"]),
        (("reshape", "tiny-random", "-o", tmp_path / "r", "--frames", "1..4000"), 2, ["1..4000", "1..3000"]),
        (("reshape", "tiny-random", "-o", tmp_path), 2, ["other things in it"]),
        (("reshape", "base-fp16", "-o", tmp_path / "r"), 2, ["no artifact 'base-fp16'"]),
        (("convert", "--config", tmp_path / "wrong.yaml"), 2, ["unknown key 'siz'", "did you mean 'size'"]),
        (("convert", "--config", tmp_path / "none.yaml"), 2, ["No such file"]),
        (("convert", "--size", "small", "--offline"), 1, ["no weights for small", "--weights random"]),
        (("convert", "--size", "base", "--weights", "nowhere.pt"), 2, ["no weights 'nowhere.pt'", "hf:owner/name"]),
        (("convert", "--size", "base", "--weights", "tiny"), 2, ["weights tiny are not of size base"]),
        (("convert", "--weights", "hf:whisper"), 2, ["'hf:whisper' is no repository", "hf:owner/name"]),
        (("convert", "--weights", "hf:a/b", "--offline"), 1, ["hf:a/b is not on this machine"]),
        (("convert", "--weights", tmp_path / "text.mp4"), 2, ["is not a format ovw reads", "ggml"]),
        (("convert", "--size", "tiny.en", "-o", tmp_path / "file" / "x"), 1, ["cannot write"]),
        (("verify", "base-fp16"), 2, ["no artifact 'base-fp16'", "tiny-random"]),
        (("verify", tmp_path), 2, ["is not an artifact"]),
        (("transcribe", tmp_path / "text.mp4", *tiny), 1, ["cannot be read as audio or video"]),
        (("transcribe", tmp_path / "none.mp4", *tiny), 1, ["no such file"]),
        (("transcribe", clip, *tiny, "-o", tmp_path / "file" / "x"), 1, ["cannot write to"]),
        (("transcribe", clip, *tiny, "--language", "germn"), 2, ["unknown language 'germn'", "german"]),
        (("transcribe", clip, *tiny, "--language", "klingon"), 2, ["unknown language 'klingon'", "zh", " more."]),
        (("transcribe", clip, *tiny, "--exact", "--batch-size", "8"), 2, ["--exact goes with --batch-size 1 only"]),
        (
            ("align", clip, clip, *tiny, "--exact", "--inference-precision", "bf16"),
            2,
            ["--exact goes with --inference-precision f32 only"],
        ),
        (
            ("transcribe", clip, *tiny, "--exact", "--vad"),
            2,
            ["--exact goes with --no-vad only", "leave one of them out"],
        ),
        (("transcribe", clip, *tiny, "--pcm", "s16le"), 2, ["--pcm", "standard input", "name it: -"]),
        (("transcribe", clip, *tiny, "--temperature", "hot"), 2, ["--temperature 'hot'"]),
        (("transcribe", clip, *tiny, "--seed", "-1"), 2, ["seed"]),
        (("transcribe", clip, *tiny, "--patience", "inf"), 2, ["patience"]),
        (("transcribe", clip, *tiny, "--suppress-tokens", "99999"), 2, ["suppress_tokens holds 99999"]),
        (("transcribe", clip, *tiny, "-f", "doc"), 2, ["doc", "srt"]),
        (("transcribe", clip, *tiny, "--highlight-words"), 2, ["--word-timestamps"]),
        (("transcribe", clip, *tiny, "--max-lines", "2"), 2, ["max_lines needs max_line_width"]),
        (
            ("transcribe", clip, *tiny, *SHORT, "--embed", "-o", tmp_path / "o"),
            1,
            [".flac", "cannot hold a subtitle", ".mkv"],
        ),
        (("transcribe", clip, *tiny, "--device", "GPU.7"), 2, ["no device 'GPU.7'", "CPU"]),
        (("transcribe", clip, *tiny, "--config", tmp_path / "wrong2.yaml"), 2, ["did you mean 'beam_size'"]),
        (("transcribe", clip, "-m", "tiny.en-random", "--language", "de"), 2, ["does not know the language 'de'"]),
        (("transcribe", clip, "-m", "tiny.en-random", "--task", "translate"), 2, ["cannot translate"]),
        (
            ("transcribe", clip, "-m", "large-v3-turbo-fp16", "--task", "translate"),
            2,
            ["large-v3-turbo cannot translate"],
        ),
        (("transcribe", clip, "-m", "small.en-fp16", "--language", "de"), 2, ["does not know the language 'de'"]),
        (("transcribe", clip, "-m", "base-fp16"), 1, ["no artifact base-fp16", "ovw convert --size base --fp16"]),
        (("transcribe", clip), 1, ["no artifact base-fp16", "--yes"]),
    )
    lines = all_refused([(args, code) for args, code, _ in expected], models)
    for line, (_, _, parts) in zip(lines, expected, strict=True):
        for part in parts:
            assert part in line


@pytest.mark.parametrize(("before", "behind"), [("-v", []), (None, ["-v"]), (None, ["-qv"]), (None, ["-vq"])])
def test_v_shows_what_led_to_it(before: str | None, behind: list[str], tmp_path: Path) -> None:
    (tmp_path / "a.pt").write_bytes(b"garbage")
    verb = ["convert", "--weights", tmp_path / "a.pt", "-o", tmp_path / "out", *behind]
    done = run_forked([before, *verb] if before else verb, os.environ)
    shown = done.stderr.decode()
    assert done.returncode == 1
    assert "UnpicklingError" in shown
    assert shown.splitlines()[-1].startswith("ovw: ")
    assert not (tmp_path / "out").exists()


def test_rounded_weights_are_not_called_equal(tmp_path: Path) -> None:
    wide = {name: tensor.astype("float32") * 1.0003 for name, tensor in random_checkpoint(TINY).tensors.items()}
    pt = save_pt(tmp_path / "a.pt", TINY, wide)
    out = ovw("convert", "--weights", pt, "--fp16", "-o", tmp_path / "16").stdout
    assert "within 0.005 (encoder) and 0.1 (logits) of PyTorch f32" in out
    assert "equal to PyTorch" not in out


def test_random_weights_do_not_pose_as_real_ones(tmp_path: Path) -> None:
    out = ovw("convert", "--size", "tiny.en", "--weights", "random", "-q", home=tmp_path / "home").stdout
    assert out.strip() == str(tmp_path / "home" / "models" / "tiny.en-random-fp16")


def test_a_file_of_text_has_no_audio(tmp_path: Path) -> None:
    (tmp_path / "talk.srt").write_text("1\n00:00:01,000 --> 00:00:02,000\nhello\n")
    line = refused("transcribe", tmp_path / "talk.srt", code=1)
    assert "is a file of text, there is no audio in it" in line
    assert "ovw align" in line


def test_convert_from_yaml_then_verify(tmp_path: Path) -> None:
    pt = save_pt(tmp_path / "my-whisper.pt", TINY)
    (tmp_path / "c.yaml").write_text(f"weights: {pt}\nprecision: [fp32, fp16]\noutput: {tmp_path / 'out'}\n")
    out = ovw("convert", "--config", tmp_path / "c.yaml").stdout
    assert "greedy tokens equal" in out
    for precision in ("fp32", "fp16"):
        assert re.search(rf"my-whisper-{precision} .* \d+\.\d .* \d\.\de-\d\d .* equal\b", out)
    again = ovw("convert", "--config", tmp_path / "c.yaml").stdout
    assert len(re.findall(r" was there ", again.replace("was there already", ""))) == 2
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["my-whisper-fp16", "my-whisper-fp32"]
    assert ": good" in ovw("verify", tmp_path / "out" / "my-whisper-fp16").stdout
    weights = tmp_path / "out" / "my-whisper-fp16" / "openvino_encoder_model.bin"
    weights.write_bytes(weights.read_bytes()[:-1])
    (tmp_path / "out" / "my-whisper-fp16" / "config.json").unlink()
    done = ovw("verify", tmp_path / "out" / "my-whisper-fp16", code=1)
    assert len(done.stderr.strip().splitlines()) == 3


@pytest.mark.weights
def test_a_missing_model_is_converted_when_told_so(tmp_path: Path) -> None:
    clip = ROOT / "ovw" / "assets" / "selftest.flac"
    done = ovw("transcribe", clip, "-m", "tiny.en-fp16", "--yes", "-f", "txt", "-o", "-", home=tmp_path / "home")
    assert done.stdout == "The weather is fine today, so we will walk to the river.\n"
    assert (tmp_path / "home" / "models" / "tiny.en-fp16" / "manifest.json").is_file()


def test_reshape_then_verify_and_transcribe(tmp_path: Path, models: Path) -> None:
    target = tmp_path / "bounded"
    out = ovw("reshape", "tiny-random", "-o", target, "--batch", "1..2", "--tokens", "1..300", home=models).stdout
    assert out.splitlines()[0] == str(target)
    assert "bounded: batch 1..2, tokens 1..300, cache 0..448, frames 1..3000" in out
    assert "layout genai, shapes bounded: batch 1..2" in ovw("verify", target).stdout
    clip = ROOT / "ovw" / "assets" / "selftest.flac"
    options = ("-m", target, "--language", "en", "--temperature", "0", "--max-new-tokens", 4, "-o", "-")
    ovw("transcribe", clip, *options, "--beam-size", 2)
    line = refused("transcribe", clip, *options, code=1)
    assert "takes batch 1..2, it was given 5" in line
    assert "already holds an artifact" in refused("reshape", "tiny-random", "-o", target, home=models, code=1)


KILL = """
import os, signal, sys, threading, time
from ovw.cli.app import main
threading.Thread(target=lambda: (time.sleep(float(sys.argv[1])), os.kill(os.getpid(), signal.SIGKILL)), daemon=True).start()
sys.argv = ["ovw", *sys.argv[2:]]
main()
"""


@pytest.mark.slow
def test_killed_converts_leave_a_whole_artifact(tmp_path: Path) -> None:
    made = convert_pt(tmp_path, TINY)
    args = ["convert", "--weights", tmp_path / "custom.pt", "-o", made.folder, "--force", "-q"]
    leftovers = 0
    for delay in (2.0, 2.6, 3.2, 3.8):
        subprocess.run([sys.executable, "-c", KILL, str(delay), *map(str, args)], check=False, capture_output=True)
        leftovers += len([p for p in tmp_path.iterdir() if p.name.startswith(".artifact")])
        assert ": good" in ovw("verify", made.folder).stdout
    ovw(*args)
    assert ": good" in ovw("verify", made.folder).stdout
    assert sorted(p.name for p in tmp_path.iterdir()) == ["artifact", "custom.pt"]


def write_golden() -> None:
    for verb in VERBS:
        help_file(verb).write_text(ovw(*verb.split(), "--help").stdout, encoding="utf-8")


if __name__ == "__main__":
    write_golden()
