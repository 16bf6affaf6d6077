"""Figures beside the error rate: silence, and vowel signs."""

from __future__ import annotations

import logging

import pytest

from ovw.evaluate.extra_metrics import marks_metrics, silence_metrics
from ovw.evaluate.pipeline import describe_problems
from ovw.evaluate.score import BootstrapOptions, metrics, score
from ovw.scoring.hypothesis import Hypothesis
from ovw.scoring.normalizer import has_marks, normalize, normalize_keeping_marks

SAMPLING = BootstrapOptions(draws=100)


def clip(number: int, reference: str, hypothesis: str, language: str = "en", seconds: float = 30.0) -> Hypothesis:
    return Hypothesis(f"c{number}", f"c{number}.wav", seconds, language, reference, hypothesis)


def test_insertions_over_silence_are_counted_apart():
    clips = [
        clip(0, "hello world", "hello word"),
        clip(1, "", "Thank you for watching!"),
        clip(2, "[noise]", ""),
        clip(3, "", "  ."),
        clip(4, "", "谢谢观看", "zh", 60.0),
    ]
    scored = score(clips)
    found = {name: metric.value for name, metric in silence_metrics(scored).items()}
    assert found == {
        "silence_clips": 4,
        "silence_insertions": 8,
        "silence_hallucination_rate": 50.0,
        "silence_insertions_per_minute": pytest.approx(8 / 2.5),
    }
    assert metrics(scored, SAMPLING)["wer"].value == 50.0  # as without them
    assert describe_problems(scored, [])["count"] == 4
    assert describe_problems(scored, [], silence=True)["count"] == 0


def test_no_silence_no_figures():
    assert silence_metrics(score([clip(0, "hello", "hello")])) == {}


@pytest.mark.parametrize(
    ("one", "other", "language"),
    [("की", "का", "hi"), ("கி", "கா", "ta"), ("กิน", "กัน", "th"), ("কি", "কা", "bn"), ("కి", "కా", "te")],
)
def test_vowel_signs(one: str, other: str, language: str):
    assert normalize(one, language) == normalize(other, language)  # openai-whisper's
    assert normalize_keeping_marks(one, language) != normalize_keeping_marks(other, language)
    assert has_marks(one)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Straße, (laut) déjà VU!", "de"),
        ("It's 20 dollars", "en"),
        ("你好，世界", "zh"),
        ("Tiếng Việt", "vi"),
        ("", "fr"),
    ],
)
def test_texts_without_marks_are_normalized_as_ever(text: str, language: str):
    assert normalize_keeping_marks(text, language) == normalize(text, language)
    assert not has_marks(text)


def test_the_rate_with_marks_and_the_warning(caplog: pytest.LogCaptureFixture):
    clips = [clip(0, "राम की किताब", "राम का किताब", "hi")]
    plain = metrics(score(clips), SAMPLING)
    with caplog.at_level(logging.WARNING):
        found = marks_metrics(clips, plain, SAMPLING)
    assert plain["wer"].value == 0
    assert found["wer_with_marks"].value == pytest.approx(100 / 3, abs=0.01)
    assert (
        "WER is 0.00 % by Whisper's normalizer, which drops vowel signs and other marks, 33.33 % with them"
        in caplog.text
    )


def test_characters_and_english(caplog: pytest.LogCaptureFixture):
    thai = [clip(0, "กิน", "กัน", "th"), clip(1, "hello there", "hello here", "en")]
    plain = metrics(score(thai), SAMPLING)
    found = marks_metrics(thai, plain, SAMPLING)
    assert plain["cer"].value == 0
    assert found["cer_with_marks"].value == pytest.approx(100 / 3, abs=0.01)
    assert found["wer_with_marks"].value == plain["wer"].value == 50.0
    assert "CER" in caplog.text
    assert "WER" not in caplog.text
    assert marks_metrics([clip(0, "hello", "hallo", "de")], plain, SAMPLING) == {}
