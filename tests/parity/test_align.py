"""A text that is known, aligned with its recording by the real base."""

import itertools
from pathlib import Path

import numpy as np
import pysubs2
import pytest
import srt
from support.command import ovw, refused
from support.tiny_whisper import DEMO_VIDEO, SELFTEST_CLIP
from support.whispers import opened

from ovw import Whisper
from ovw.convert.plan import Converted
from ovw.errors import OvwError, UsageError

pytestmark = pytest.mark.weights

TEXT = """Hello and welcome. This short video was made by a computer program.
The sound of the video becomes text and the text becomes subtitles.
All of the work happens on this machine and nothing is sent over the internet.
Now you can try it with a video of your own.
"""
RIVER = "The weather is fine today, so we will walk to the river."


@pytest.fixture(scope="module")
def whisper(base: Converted) -> Whisper:
    return opened(base.folder)


def words_of(result: object) -> list[tuple[str, float, float]]:
    return [("".join(filter(str.isalnum, w.word.lower())), w.start, w.end) for s in result for w in s.words]


def test_times_are_those_of_a_transcription(whisper: Whisper) -> None:
    recognised = words_of(whisper.transcribe(DEMO_VIDEO, language="en", word_timestamps=True))
    result = whisper.align(DEMO_VIDEO, TEXT, language="en")
    assert [segment.text.strip() for segment in result] == TEXT.replace("welcome. ", "welcome.\n").splitlines()
    found = words_of(result)
    assert [word for word, *_ in found] == [word for word, *_ in recognised]
    distances = np.abs(np.array([times for _, *times in found]) - np.array([times for _, *times in recognised]))
    assert (distances.max(axis=1) <= 0.1).mean() >= 0.95
    assert (result.language, result.media) == ("en", DEMO_VIDEO.name)
    assert all(segment.avg_logprob > -1 for segment in result)


def test_a_long_recording_is_aligned_in_parts(whisper: Whisper, demo_samples: np.ndarray) -> None:
    pause = np.zeros(3 * 16_000, np.float32)
    samples = np.concatenate([demo_samples, pause, demo_samples, pause, demo_samples])
    passages = TEXT.splitlines()
    one = whisper.align(demo_samples, passages, language="en").segments
    three = whisper.align(samples, passages * 3, language="en").segments
    assert [segment.text for segment in three] == [segment.text for segment in one] * 3
    step = (len(demo_samples) + len(pause)) / 16_000
    starts = np.array([segment.start for segment in three]).reshape(3, -1) - step * np.arange(3)[:, None]
    distances = np.abs(starts - [segment.start for segment in one])
    assert distances[:, 1:].max() <= 0.2
    assert distances.max() <= 0.5  # the first word of a window takes the pause before it
    assert all(a.end <= b.start + 0.01 for a, b in itertools.pairwise(three))


def test_passages_without_words_take_no_time_from_others(whisper: Whisper) -> None:
    lines = TEXT.splitlines()
    alone = whisper.align(DEMO_VIDEO, lines, language="en").segments
    mixed = [part for line in lines for part in ("♪", line)] + ["..."]
    found = whisper.align(DEMO_VIDEO, mixed, language="en").segments
    assert [segment.text.strip() for segment in found] == mixed
    assert [(s.start, s.end) for s in found[1::2]] == [(s.start, s.end) for s in alone]
    assert all(a.end <= b.start + 0.01 for a, b in itertools.pairwise(found))


def test_another_text_is_noticed(whisper: Whisper, demo_samples: np.ndarray, caplog: pytest.LogCaptureFixture) -> None:
    samples = np.concatenate([demo_samples, demo_samples])
    whisper.align(samples, "Completely different words from another planet. " * 8, language="en").segments  # noqa: B018
    assert "of the words of the text were recognised in it" in caplog.text
    low = whisper.align(SELFTEST_CLIP, "Purple monkeys dismantle helicopters.", language="en").segments
    right = whisper.align(SELFTEST_CLIP, RIVER, language="en").segments
    assert low[0].avg_logprob < right[0].avg_logprob - 1


def test_a_moment_of_sound_is_aligned(whisper: Whisper) -> None:
    (segment,) = whisper.align(np.zeros(100, np.float32), "Hello world.", language="en").segments
    assert [word.word for word in segment.words or ()] == [" Hello", " world."]


def test_what_cannot_be_aligned(whisper: Whisper) -> None:
    with pytest.raises(OvwError, match="has no sound to align"):
        whisper.align(iter([]), "Hello world.", language="en")
    for text in ("", " \n ", ["", " "]):
        with pytest.raises(UsageError, match="no text to align"):
            whisper.align(SELFTEST_CLIP, text)
    with pytest.raises(UsageError, match="words of text for the"):
        whisper.align(SELFTEST_CLIP, "word " * 500, language="en").segments  # noqa: B018


def test_from_the_command_line(base: Converted, tmp_path: Path) -> None:
    media = tmp_path / "talk.flac"
    media.write_bytes(SELFTEST_CLIP.read_bytes())
    options = ("-m", base.folder, "--language", "en")
    (tmp_path / "talk.txt").write_text(RIVER, encoding="utf-16")
    ovw("align", media, tmp_path / "talk.txt", *options)
    (cue,) = srt.parse((tmp_path / "talk.srt").read_text(encoding="utf-8"))
    assert cue.content == RIVER
    (tmp_path / "other.txt").write_text("Purple monkeys dismantle helicopters.", encoding="utf-8")
    done = ovw("align", media, tmp_path / "other.txt", *options, "-o", "-")
    assert "is it the right one?" in done.stderr
    assert 1 < (cue.end - cue.start).total_seconds() < 5

    wrong = pysubs2.SSAFile()
    half = len(RIVER) // 2 - 1
    wrong.events = [pysubs2.SSAEvent(90_000, 91_000, RIVER[:half]), pysubs2.SSAEvent(92_000, 93_000, RIVER[half:])]
    wrong.save(str(tmp_path / "late.vtt"))
    printed = ovw("align", media, tmp_path / "late.vtt", *options, "-o", "-").stdout
    first, second = srt.parse(printed)
    assert f"{first.content} {second.content}" == RIVER
    assert first.start == cue.start
    assert abs((second.end - cue.end).total_seconds()) <= 0.1
    assert first.end <= second.start

    line = refused("align", media, tmp_path / "talk.srt", *options, code=1)
    assert "talk.srt is one of the inputs and would be overwritten" in line
    (tmp_path / "empty.srt").write_text("", encoding="utf-8")
    assert "empty.srt" in refused("align", media, tmp_path / "empty.srt", *options, code=1)
    assert "none.txt cannot be read as text" in refused("align", media, tmp_path / "none.txt", *options, code=1)


def test_a_text_of_a_part_of_the_recording(whisper: Whisper, demo_samples: np.ndarray) -> None:
    """Speech without text, before, between and behind it, is in no cue; of short recordings and of long ones."""
    whole = whisper.align(demo_samples, TEXT.splitlines(), language="en").segments
    (last,) = whisper.align(demo_samples, TEXT.splitlines()[-1:], language="en").segments
    assert (last.start, last.end) == pytest.approx((whole[-1].start, whole[-1].end), abs=0.3)
    step = len(demo_samples) / 16_000
    twice = np.concatenate([demo_samples, demo_samples])
    around = [TEXT.splitlines()[0], TEXT.splitlines()[-1]]
    first, second = whisper.align(twice, around, language="en").segments
    assert first.end == pytest.approx(whole[0].end, abs=0.3)
    assert min(abs(second.start - whole[-1].start), abs(second.start - whole[-1].start - step)) <= 0.5
    assert second.end - second.start <= whole[-1].end - whole[-1].start + 1
