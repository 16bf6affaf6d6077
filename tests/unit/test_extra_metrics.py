"""Figures beside the error rate: silence, vowel signs, punctuation and case."""

from __future__ import annotations

import logging

import pytest

from ovw.evaluate.extra_metrics import diacritics_metrics, orthography_metrics, silence_metrics
from ovw.evaluate.facts import describe_problems
from ovw.evaluate.score import BootstrapOptions, metrics, score
from ovw.scoring.counts import Pair
from ovw.scoring.hypothesis import Hypothesis
from ovw.scoring.normalizer import has_diacritics, normalize, normalize_keeping_diacritics
from ovw.scoring.orthography import Orthography, compare_orthography

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
    assert normalize_keeping_diacritics(one, language) != normalize_keeping_diacritics(other, language)
    assert has_diacritics(one)


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
    assert normalize_keeping_diacritics(text, language) == normalize(text, language)
    assert not has_diacritics(text)


def test_the_rate_with_marks_and_the_warning(caplog: pytest.LogCaptureFixture):
    clips = [clip(0, "राम की किताब", "राम का किताब", "hi")]
    plain = metrics(score(clips), SAMPLING)
    with caplog.at_level(logging.WARNING):
        found = diacritics_metrics(clips, plain, SAMPLING)
    assert plain["wer"].value == 0
    assert found["wer_with_marks"].value == pytest.approx(100 / 3, abs=0.01)
    assert (
        "WER is 0.00 % by Whisper's normalizer, which drops vowel signs and other marks, 33.33 % with them"
        in caplog.text
    )


def test_characters_and_english(caplog: pytest.LogCaptureFixture):
    thai = [clip(0, "กิน", "กัน", "th"), clip(1, "hello there", "hello here", "en")]
    plain = metrics(score(thai), SAMPLING)
    found = diacritics_metrics(thai, plain, SAMPLING)
    assert plain["cer"].value == 0
    assert found["cer_with_marks"].value == pytest.approx(100 / 3, abs=0.01)
    assert found["wer_with_marks"].value == plain["wer"].value == 50.0
    assert "CER" in caplog.text
    assert "WER" not in caplog.text
    assert diacritics_metrics([clip(0, "hello", "hallo", "de")], plain, SAMPLING) == {}


@pytest.mark.parametrize(
    ("hypothesis", "counts"),
    [
        ("Well, he said so. Is it true? Paris is far!", (4, 0, 3, 0)),
        ("Well he said so. Is it true. Paris is far!", (4, 2, 3, 0)),  # one is missing, one is another
        ("Well, he, said so. Is it true? Paris is far!", (4, 1, 3, 0)),  # one was added
        ("well, he said so. is it True? Paris is far!", (4, 0, 3, 3)),
        ("Well; he said so… Is it true？ Paris is far！", (4, 0, 3, 0)),  # the same marks to a reader
        ("Well, she said so. Was it true? London was far!", (4, 0, 1, 0)),  # wrong words are the word error rate's
        ("", (0, 0, 0, 0)),
    ],
)
def test_punctuation_and_case(hypothesis: str, counts: tuple[int, int, int, int]):
    pair = Pair("Well, he said so. Is it true? Paris is far!", hypothesis, "en")
    assert compare_orthography(pair) == Orthography(*counts)


@pytest.mark.parametrize(
    ("reference", "language"), [("HE SAID SO", "en"), ("he said so", "en"), ("He said so", "en"), ("他说。Well.", "zh")]
)
def test_references_without_punctuation_or_case_are_left_out(reference: str, language: str):
    assert compare_orthography(Pair(reference, reference.lower(), language)) == Orthography()
    assert orthography_metrics([clip(0, reference, reference, language)], SAMPLING) == {}


def test_rates_of_punctuation_and_case():
    clips = [clip(0, "Well, he said so.", "well he said so."), clip(1, "Is it true?", "Is it true?")]
    found = {name: metric.value for name, metric in orthography_metrics(clips, SAMPLING).items()}
    assert found == {
        "punctuation_error_rate": pytest.approx(100 / 3),
        "punctuation_errors": 1,
        "case_error_rate": 50.0,
        "case_errors": 1,
    }
