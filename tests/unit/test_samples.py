"""Samples from callers, raw samples from pipes, and the timeline that sound is placed on."""

import io
import itertools
import math
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.tiny_whisper import SELFTEST_CLIP

from ovw.api.align import require_passages
from ovw.api.batches import batch_size_for, groups_of, jobs_of, seconds_of
from ovw.audio.decode import load_audio, stream_audio
from ovw.audio.reading import Pcm
from ovw.audio.samples import as_media, as_samples, blocks_of
from ovw.audio.timeline import LONGEST_GAP_S, Timeline
from ovw.errors import OvwError, UsageError
from ovw.memory import FreeMemory
from ovw.models import find_size
from ovw.transcribe.options import TranscribeOptions

WAVE = (0.5 * np.sin(np.arange(4000) / 10)).astype(np.float32)


@pytest.mark.parametrize(
    "array",
    [
        WAVE,
        WAVE.astype(np.float64),
        WAVE.astype(np.float16),
        (WAVE * 32768).astype(np.int16),
        (WAVE * 2.0**31).astype(np.int32),
        (WAVE * 32768 + 32768).astype(np.uint16),
        np.stack([WAVE, WAVE]),
        np.stack([WAVE, WAVE], axis=1),
        np.stack([np.zeros_like(WAVE), 2 * WAVE], axis=1),
        WAVE[None],
        np.repeat(WAVE, 2)[::2],
    ],
    ids=lambda a: f"{a.dtype}{list(a.shape)}",
)
def test_common_arrays_are_one_sound(array: np.ndarray) -> None:
    samples = as_samples(array)
    assert samples.dtype == np.float32
    assert samples.flags.c_contiguous
    assert np.abs(samples - WAVE).max() < 1e-3


@pytest.mark.parametrize("shape", [(0,), (0, 2), (2, 0)])
def test_a_block_of_nothing_is_nothing(shape: tuple[int, ...]) -> None:
    assert as_samples(np.zeros(shape, np.float32)).shape == (0,)


def test_small_integers() -> None:
    assert np.allclose(as_samples(np.array([0, 128, 255], np.uint8)), [-1, 0, 127 / 128])
    assert np.allclose(as_samples(np.array([-128, 0, 127], np.int8)), [-1, 0, 127 / 128])
    assert as_samples(np.zeros(0, np.float32)).shape == (0,)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.array([0.0, np.nan]), "not finite"),
        (np.array([[0.0, np.inf], [-np.inf, 0.0]]), "not finite"),
        (np.zeros((2, 3, 4)), r"shape \[2, 3, 4\]"),
        (np.zeros((100, 100)), r"shape \[100, 100\]"),
        (np.float32(1.0), r"shape \[\]"),
        (np.array([1, 2, 3]), "int64 have no agreed scale"),
        (np.zeros(3, complex), "complex128"),
        (np.array(["a"]), "have no agreed scale"),
        (np.array([True]), "bool"),
        (WAVE * 32768, "reach 16384"),
    ],
)
def test_other_arrays_are_refused(array: np.ndarray, message: str) -> None:
    with pytest.raises(OvwError, match=message):
        as_samples(array)


def test_whatever_a_caller_has_becomes_blocks() -> None:
    whole = load_audio(SELFTEST_CLIP)
    with SELFTEST_CLIP.open("rb") as file:
        sources = [SELFTEST_CLIP, str(SELFTEST_CLIP), file, whole, (part for part in np.array_split(whole, 3))]
        for source in [*sources, whole.tolist(), tuple(whole)]:
            assert np.array_equal(np.concatenate(list(blocks_of(as_media(source)))), whole)


@pytest.mark.parametrize("size", [7, 160, 1000])
def test_blocks_have_one_layout(size: int) -> None:
    """A last block that is shorter than there are channels too."""
    whole = np.stack([WAVE * share for share in np.linspace(0.1, 1, 8)], axis=1)
    parts = [whole[:40], *(whole[i : i + size] for i in range(40, len(whole), size))]
    for blocks in (parts, [part.T for part in parts]):
        assert np.allclose(np.concatenate(list(blocks_of(iter(blocks)))), as_samples(whole))


@pytest.mark.parametrize("before", [0, 8], ids=["always", "later"])
def test_channels_of_blocks_that_cancel_are_reported_once(before: int, caplog: pytest.LogCaptureFixture) -> None:
    left = np.tile(WAVE, before + 1)
    right = np.concatenate([left[: -len(WAVE)], -WAVE])
    whole = np.stack([left, right], axis=1)
    found = np.concatenate(list(blocks_of(whole[i : i + 160] for i in range(0, len(whole), 160))))
    assert np.array_equal(found, left)
    assert len(caplog.messages) == 1


class Pipe:
    """The reading end of a pipe that is fed in the background."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.reader, self.writer = os.pipe()

    def __enter__(self) -> io.BufferedReader:
        self.thread = threading.Thread(target=self._feed)
        self.thread.start()
        self.file = os.fdopen(self.reader, "rb")
        return self.file

    def _feed(self) -> None:
        with os.fdopen(self.writer, "wb") as out:
            out.write(self.content)

    def __exit__(self, *_: object) -> None:
        self.thread.join()
        self.file.close()


@pytest.mark.parametrize(
    "path", [SELFTEST_CLIP, SELFTEST_CLIP.parents[2] / "demo" / "ovw-demo.mp4"], ids=lambda p: p.suffix
)
def test_containers_come_through_a_pipe(path: Path) -> None:
    with Pipe(path.read_bytes()) as file:
        assert np.array_equal(load_audio(file), load_audio(path))


class Raw(io.RawIOBase):
    """Bytes of the network: without `peek`, and fewer at a time than are asked for."""

    def __init__(self, content: bytes) -> None:
        self._file = io.BytesIO(content)
        self._sizes = itertools.chain([3, 2], itertools.repeat(1000))

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:
        part = self._file.read(min(len(buffer), next(self._sizes)))
        buffer[: len(part)] = part
        return len(part)


class OnlyRead:
    """The least that a file can be."""

    def __init__(self, content: bytes) -> None:
        self.read = io.BytesIO(content).read


@pytest.mark.parametrize("form", [Raw, lambda content: io.BufferedReader(Raw(content)), OnlyRead])
@pytest.mark.parametrize(
    "path", [SELFTEST_CLIP, SELFTEST_CLIP.parents[2] / "demo" / "ovw-demo.mp4"], ids=lambda p: p.suffix
)
def test_files_that_can_do_little_are_read(path: Path, form: Callable[[bytes], Any]) -> None:
    assert np.array_equal(load_audio(form(path.read_bytes())), load_audio(path))


@pytest.mark.parametrize(
    ("pcm", "dtype", "scale"),
    [
        (Pcm(), "<i2", 32768),
        (Pcm("f32le"), "<f4", 1),
        (Pcm("s32le", 16_000, 2), "<i4", 2.0**31),
        (Pcm("s16le", 48_000, 2), "<i2", 32768),
        (Pcm("s16le", 8_000), "<i2", 32768),
    ],
)
def test_raw_samples_come_through_a_pipe(pcm: Pcm, dtype: str, scale: float) -> None:
    seconds = 3
    wave = 0.5 * np.sin(2 * np.pi * 440 * np.arange(seconds * pcm.rate) / pcm.rate)
    content = np.repeat(wave * scale, pcm.channels).astype(dtype).tobytes()
    with Pipe(content + b"\1") as file:  # a last sample cut in half
        samples = np.concatenate(list(stream_audio(file, pcm=pcm)))
    assert abs(len(samples) - seconds * 16_000) < 50
    assert np.abs(np.fft.rfft(samples[:16_000])).argmax() == 440
    assert np.abs(samples[1000:-1000]).max() == pytest.approx(0.5, abs=0.01)


def test_raw_samples_are_handed_on_as_they_come() -> None:
    reader, writer = os.pipe()
    second = (WAVE[:1600] * 32767).astype("<i2").tobytes() * 10
    with os.fdopen(reader, "rb") as file, os.fdopen(writer, "wb", buffering=0) as out:
        out.write(second * 2)
        blocks = stream_audio(file, pcm=Pcm())
        first = next(blocks)  # the writer is still open: waiting for the end would wait for ever
        assert len(first) >= 16_000
        out.write(second)
        out.close()
        assert len(first) + sum(map(len, blocks)) == 48_000


def test_nothing_comes() -> None:
    for pcm in (None, Pcm()):
        with Pipe(b"") as file, pytest.raises(OvwError, match="the open file: "):
            load_audio(file) if pcm is None else list(stream_audio(file, pcm=pcm))


def place(timeline: Timeline, starts: list[float | None], length: float = 0.5) -> list[float]:
    following = [*starts[1:], None]
    return [timeline.place(a, length, b) for a, b in zip(starts, following, strict=True)]


def test_timeline_fills_what_is_missing() -> None:
    assert place(Timeline(None, None), [10.0, 10.5, 12.0, 12.5]) == [0, 0, 1.0, 0]
    assert place(Timeline(10.0, None), [11.5, 12.0]) == [1.5, 0]
    assert place(Timeline(None, None), [None, 0.5, 1.02, None, 2.0]) == [0, 0, 0, 0, 0]


def test_timeline_does_not_follow_a_broken_clock() -> None:
    hours = 3 * LONGEST_GAP_S
    assert place(Timeline(None, None), [0.0, 0.5, hours, hours + 0.5, hours + 2]) == [0, 0, 0, 0, 0]
    assert place(Timeline(None, None), [0.0, 0.5, hours, hours + 0.5, hours + 2, hours + 2.5]) == [0, 0, 0, 0, 1, 0]
    assert place(Timeline(None, 5.0), [0.0, 0.5, 20.0, 20.5, 21.0]) == [0, 0, 0, 0, 0], "past the end of the media"
    assert place(Timeline(0.0, 5.0), [7.0, 7.5]) == [0, 0], "starts after the end of the media"
    assert place(Timeline(0.0, 3 * LONGEST_GAP_S), [2 * LONGEST_GAP_S, 2 * LONGEST_GAP_S + 0.5])[0] == 2 * LONGEST_GAP_S
    assert place(Timeline(None, None), [0.0, 0.5, 9.0, 1.5, 2.0]) == [0, 0, 0, 0, 0], "one wrong reading"
    assert place(Timeline(None, None), [5.0, 5.5, 0.0, 0.5, 2.0, 2.5]) == [0, 0, 0, 0, 1.0, 0], (
        "a clock that starts anew"
    )
    assert place(Timeline(None, None), [5.0, 5.5, 0.0, 6.5, 7.0]) == [0, 0, 0, 0, 0], "one wrong reading, back"


def test_recordings_are_grouped_by_how_much_there_is_of_them() -> None:
    assert groups_of([5.0, 8.0, 2.0], batch_size=1) == [[0], [1], [2]], "without batches nothing is gained"
    assert groups_of([3600.0, 5.0, 3600.0], batch_size=16) == [[0], [1], [2]]
    assert groups_of([5.0, 200.0, 5.0], batch_size=2) == [[0, 2], [1]], "in the order of their first"
    assert groups_of([5.0] * 9, batch_size=4) == [list(range(8)), [8]]
    assert groups_of([math.inf, 5.0, math.inf, 5.0], batch_size=4) == [[0], [1, 3], [2]], "lengths that are not known"
    assert groups_of([], batch_size=2) == []


def test_a_recording_of_unknown_length_is_not_taken_with_others(tmp_path: Path) -> None:
    (tmp_path / "broken.mp3").write_bytes(b"no sound in here")
    assert seconds_of(tmp_path / "broken.mp3") == seconds_of(io.BytesIO()) == math.inf
    assert seconds_of(np.zeros(8000, np.float32)) == seconds_of(np.zeros((8000, 2), np.float32)) == 0.5


@pytest.mark.parametrize("media", [5, None, 3.5, object(), b"abc", {"a": 1}, True])
def test_what_cannot_be_media(media: object) -> None:
    with pytest.raises(UsageError, match="cannot be transcribed"):
        list(blocks_of(media))


def closed() -> io.BytesIO:
    file = io.BytesIO(b"")
    file.close()
    return file


@pytest.mark.parametrize(
    ("media", "message"),
    [
        ("", "'' is no file"),
        ("http://host/talk.mp3", "'http://host/talk.mp3' is no file"),
        (Path("~/no/such.wav"), rf"{Path.home()}/no/such.wav: no such file"),
        (io.StringIO("text"), "holds text"),
        (closed(), "the file is closed"),
        (io.BytesIO(b""), r"the open file: .* \(it may be no media, or incomplete\)$"),
        (torch.zeros(3, dtype=torch.bfloat16), "the samples are no array"),
        (torch.zeros(3, requires_grad=True), "the samples are no array"),
        ([torch.zeros(3, requires_grad=True)], "the samples are no array"),
    ],
)
def test_odd_media_are_explained(media: Any, message: str) -> None:
    with pytest.raises(OvwError, match=message):
        list(blocks_of(as_media(media)))


@pytest.mark.parametrize("media", [np.zeros(3, np.float32), torch.zeros(3), {"a": "a.wav"}])
def test_lists_of_media_are_lists(media: Any) -> None:
    with pytest.raises(UsageError, match="is not a list of media"):
        jobs_of(media, None)


@pytest.mark.parametrize("kind", [str, object])
def test_arrays_of_paths_are_lists_of_media(kind: type) -> None:
    assert [one for one, _ in jobs_of(np.array(["a.wav", "b.wav"], kind), None)] == [Path("a.wav"), Path("b.wav")]


@pytest.mark.parametrize("text", [None, b"abc", [1, 2], 5])
def test_texts_to_align_are_texts(text: Any) -> None:
    with pytest.raises(UsageError, match="is no text"):
        require_passages(text)


GIB = 1 << 30


@pytest.mark.parametrize(
    ("options", "rows", "live", "free_gib", "windows"),
    [
        ({}, -1, False, 32, 8),
        ({"beam_size": 1, "temperature": 0.0}, -1, False, 32, 8),
        ({"batch_size": 3}, -1, True, 32, 3),
        ({}, -1, True, 32, 1),  # text must not wait for eight windows of sound
        ({"vad": False}, -1, False, 32, 1),
        ({"prefix": "x"}, -1, False, 32, 1),
        ({"condition_on_previous_text": True}, -1, False, 32, 1),
        ({"condition_on_previous_text": False}, -1, False, 32, 8),
        ({"word_timestamps": True, "hallucination_silence_threshold": 2.0}, -1, False, 32, 1),
        ({}, 1, False, 32, 1),
        ({}, 20, False, 32, 4),
        ({"beam_size": 1, "temperature": 0.0}, 6, False, 32, 6),
        ({"beam_size": 1}, 6, False, 32, 1),  # five samples above temperature 0
        ({}, -1, False, 8, 4),
        ({}, -1, False, 0.5, 1),
        ({}, -1, False, None, 8),
    ],
)
def test_windows_decoded_together_by_default(monkeypatch, options, rows, live, free_gib, windows) -> None:
    free = free_gib and FreeMemory(int(free_gib * GIB), "here")
    monkeypatch.setattr("ovw.api.batches.free_memory", lambda: free)
    assert batch_size_for(TranscribeOptions(**options), find_size("medium").dims, rows, live=live) == windows
