"""`ovw transcribe --workers` and `--ray`: what one process writes, by several, taken up where it was interrupted."""

from pathlib import Path

import pytest
from support.command import ovw, refused
from support.odd_media import half_of_an_mp4
from support.speech_files import manifest, wav
from support.tiny_whisper import DEMO_VIDEO

from ovw.convert.pipeline import Converted

FAST = ("-m", "tiny-random", "--language", "en", "--temperature", 0, "--beam-size", 1, "--max-new-tokens", 4)
SAME = (*FAST, "--threads", 1, "--no-vad", "--no-speech-threshold", "none")


@pytest.fixture(autouse=True)
def models(warm_home: Path, tiny: Converted) -> None:
    """A home with the tiny artifact under its name."""
    (warm_home / "models").mkdir(parents=True)
    (warm_home / "models" / "tiny-random").symlink_to(tiny.folder)


@pytest.fixture
def talks(tmp_path: Path) -> Path:
    """Three recordings in two folders, one of them damaged, and a file that is none."""
    (tmp_path / "talks" / "day 2").mkdir(parents=True)
    for seed, name in enumerate(("a.wav", "day 2/c.wav")):
        (tmp_path / "talks" / name).write_bytes(wav(0.5, seed))
    half_of_an_mp4(tmp_path / "talks" / "b.mp4")
    (tmp_path / "talks" / "bad.mp3").write_text("no sound")
    return tmp_path / "talks"


def written(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_text(encoding="utf-8") for path in files}


def test_workers_write_the_same_and_only_what_is_left(tmp_path: Path, talks: Path) -> None:
    request = ("transcribe", talks, *SAME, "-f", "srt", "-f", "json")
    one = ovw(*request, "-o", tmp_path / "one", code=1)
    two = ovw(*request, "-o", tmp_path / "two", "--workers", 2, code=1)
    assert written(tmp_path / "two") == written(tmp_path / "one")
    assert set(written(tmp_path / "two")) == {f"{n}.{e}" for n in ("a", "b", "day 2/c") for e in ("srt", "json")}
    assert sorted(two.stdout.splitlines()) == sorted(one.stdout.replace("/one/", "/two/").splitlines())
    told = two.stderr.splitlines()
    assert set(one.stderr.splitlines()) <= set(told)  # the damage of b.mp4, and what is wrong with bad.mp3
    assert told[-1].startswith("ovw: 1 of 4 inputs failed: ")
    assert told[-2].startswith("files transcribed: 3, 0:00:0")

    (tmp_path / "two" / "a.json").unlink()
    again = ovw(*request, "-o", tmp_path / "two", "--workers", 2, code=1)
    assert again.stdout.splitlines() == [str(tmp_path / "two" / f"a.{e}") for e in ("srt", "json")]
    assert "files transcribed: 1, " in again.stderr
    assert "; done before: 2, --force does them again" in again.stderr
    assert written(tmp_path / "two") == written(tmp_path / "one")


def test_a_list_of_files(tmp_path: Path, talks: Path) -> None:
    rows = [
        {"audio_filepath": "talks/day 2/c.wav", "text": "not needed"},
        {"audio_filepath": "talks/gone.wav"},
        {"audio_filepath": ""},
        {"audio_filepath": str(talks / "a.wav")},
    ]
    listed = manifest(tmp_path / "list.jsonl", rows)
    done = ovw("transcribe", listed, *SAME, "-o", tmp_path / "out", "--workers", 1, code=1)
    assert set(written(tmp_path / "out")) == {"talks/day 2/c.srt", "a.srt"}
    lines = done.stderr.splitlines()
    assert any("gone.wav: no such file" in line for line in lines)
    assert f"ovw: {listed}:3: no audio_filepath" in lines
    assert "2 of 4 inputs failed" in lines[-1]
    done = ovw("transcribe", listed, *SAME, "-o", tmp_path / "out", "--workers", 1, "-q", code=1)
    assert done.stdout == ""
    assert "transcribed" not in done.stderr
    ovw("transcribe", listed, *SAME, code=1)  # beside each, one after the other
    assert (talks / "a.srt").is_file()
    assert (talks / "day 2" / "c.srt").is_file()
    (tmp_path / "wrong.csv").write_text("wav_file,text\na.wav,x\n", encoding="utf-8")
    assert "no column for the audio: it has wav_file, text" in refused("transcribe", tmp_path / "wrong.csv", code=2)


def test_copies_with_subtitles(tmp_path: Path) -> None:
    video = tmp_path / "demo.mp4"
    video.write_bytes(DEMO_VIDEO.read_bytes())
    request = ("transcribe", video, *FAST, "--embed", "--workers", 1)
    copy = tmp_path / "demo.subtitled.mp4"
    assert ovw(*request).stdout.splitlines() == [str(tmp_path / "demo.srt"), str(copy)]
    assert ovw(*request).stdout == ""
    made = copy.stat().st_mtime_ns
    assert ovw(*request, "--force").stdout.splitlines() == [str(tmp_path / "demo.srt"), str(copy)]
    assert copy.stat().st_mtime_ns > made
    (tmp_path / "demo.srt").unlink()
    assert "exists and would be overwritten" in ovw(*request, code=1).stderr.splitlines()[-1]


def test_ray_writes_the_same(tmp_path: Path, talks: Path) -> None:
    pytest.importorskip("ray")
    request = ("transcribe", talks, *SAME, "-f", "json")
    ovw(*request, "-o", tmp_path / "one", code=1)
    done = ovw(*request, "-o", tmp_path / "ray", "--ray", "local", "--workers", 2, code=1)
    assert written(tmp_path / "ray") == written(tmp_path / "one")
    assert sorted(done.stdout.splitlines()) == sorted(
        str(tmp_path / "ray" / name) for name in written(tmp_path / "ray")
    )


def test_refusals(tmp_path: Path, talks: Path) -> None:
    clip = talks / "a.wav"
    for args, code, part in (
        ((clip, "-o", "-", "--workers", 2), 2, "nothing to standard output"),
        ((clip, "--force"), 2, "without workers nothing is skipped"),
        ((clip, "--workers", 0), 2, "workers"),
        ((clip, "--workers", 2, "--ray", "nowhere:1"), 1, "no Ray at nowhere:1"),
        ((clip, "--workers", 2, "--threads", 1, "--device", "GPU.7"), 2, "no device 'GPU.7'"),
    ):
        if "--ray" in args and not ray_is_here():
            continue
        assert part in refused("transcribe", *args, *FAST, code=code)


def ray_is_here() -> bool:
    from importlib.util import find_spec

    return find_spec("ray") is not None
