"""Frames read as they are needed are those of the whole recording."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.tiny_whisper import TINY

from ovw.audio.mel import log_mel_spectrogram, normalise, pad_frames
from ovw.audio.stream import BLOCK_FRAMES, MelStream
from ovw.choices import Padding
from ovw.transcribe.recording import Recording, loudest_bin


def noise(length: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.standard_normal(length) * np.sin(np.arange(length) / 9000)).astype(np.float32)


def cut(samples: np.ndarray, size: int) -> list[np.ndarray]:
    return [samples[i : i + size] for i in range(0, len(samples), size)]


edges = [0, 1, 159, 160, 200, 201, 400, 159_840 + 200, 159_840 + 201, 160_000, 160_160, 320_000, 480_123]


@settings(max_examples=40, deadline=None)
@given(length=st.one_of(st.sampled_from(edges), st.integers(0, 400_000)), block=st.sampled_from([333, 4096, 10**6]))
def test_equal_to_the_whole(length: int, block: int) -> None:
    samples = noise(length)
    stream = MelStream(cut(samples, block), 80, lambda samples: None)
    stream.read_to(10**9)
    expected = log_mel_spectrogram(samples, 80, 3000)
    assert (stream.ended, stream.n_frames) == (True, length // 160)
    assert np.array_equal(normalise(stream.frames(0, expected.shape[1]), stream.loudest), expected)


def test_reads_no_further_than_asked_and_forgets() -> None:
    taken = []
    blocks = (taken.append(i) or noise(16_000, i) for i in range(100))
    stream = MelStream(blocks, 80, lambda samples: None)
    stream.read_to(1500)
    assert len(taken) == 21  # two blocks of frames are 20 seconds and half a window
    kept = stream.frames(1200, 1400)
    stream.forget(1100)
    assert list(stream._frames) == [1]
    assert np.array_equal(stream.frames(1200, 1400), kept)


def test_windows_of_a_recording() -> None:
    samples = noise(16_000 * 41)
    whole = log_mel_spectrogram(samples, 80, 3000)
    recording = Recording(cut(samples, 5000), TINY)
    assert recording.duration == 41
    assert np.array_equal(recording.window(1000, 3000)[0], whole[:, 1000:4000])
    assert np.array_equal(recording.window(4000, 100), pad_frames(whole[None, :, 4000:4100], 3000))
    assert np.array_equal(recording.opening(4000, 3000)[0], whole[:, 4000:7000])
    assert (recording.next_speech(4099), recording.next_speech(4100)) == (4099, None)
    assert recording.speech_end(4000, 7000) == 4100


def test_windows_in_silence() -> None:
    """`pad=audio`: as if the samples of the window were all there is, with silence behind."""
    samples = noise(16_000 * 5)
    silence = np.zeros(16_000 * 25, np.float32)
    expected = log_mel_spectrogram(np.concatenate([samples, silence]), 80)
    assert np.allclose(Recording([samples], TINY, "audio").window(0, 500)[0], expected, atol=1e-5)


@pytest.mark.parametrize(("seconds", "padding"), [(1.0, "mel"), (2.9, "mel"), (3.0, "audio"), (29.0, "audio")])
def test_zeros_follow_short_windows_and_silence_follows_others(seconds: float, padding: Padding) -> None:
    samples, size = noise(round(16_000 * seconds)), round(100 * seconds)
    windows = [Recording([samples], TINY, pad).window(0, size) for pad in ("auto", padding)]
    assert np.array_equal(*windows)


@pytest.mark.parametrize(("pad", "padding"), [("auto", "mel"), ("mel", "mel"), ("audio", "audio")])
def test_zeros_follow_where_they_are_asked_for_unless_silence_is(pad: Padding, padding: Padding) -> None:
    samples = noise(16_000 * 5)
    expected = Recording([samples], TINY, padding).window(0, 500)
    assert np.array_equal(Recording([samples], TINY, pad).window(0, 500, zeros=True), expected)


def test_long_recordings_are_heard_bit_by_bit() -> None:
    """Beyond the lookahead nothing is read ahead, and the loudness floor follows what came so far."""
    quiet, loud = noise(16_000 * 40) * 1e-3, noise(16_000 * 40)
    read = []
    blocks = [*cut(quiet, 16_000), *cut(loud, 16_000)]
    recording = Recording((read.append(i) or b for i, b in enumerate(blocks)), TINY, expected=80, lookahead=0)
    early = recording.window(0, 3000)
    assert len(read) <= 32
    assert recording.duration == 80
    exact = Recording(blocks, TINY, loudest=loudest_bin(blocks, 80)).window(0, 3000)
    assert np.array_equal(exact[0], log_mel_spectrogram(np.concatenate(blocks), 80)[:, :3000])
    assert early.min() < exact.min() - 0.5  # a floor of its own loudness, far below that of the whole


@pytest.mark.parametrize("block", [BLOCK_FRAMES * 160, 7777])
def test_memory_does_not_grow(block: int) -> None:
    stream = MelStream((noise(block, i) for i in range(60)), 80, lambda samples: None)
    most = 0
    while not stream.ended:
        stream.read_to(stream.n_frames + 500)
        stream.forget(stream.n_frames)
        most = max(most, len(stream._frames))
    assert most <= 2
