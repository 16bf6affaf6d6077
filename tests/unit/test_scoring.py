"""Scores: Whisper's normalizer, jiwer's counts, intervals that hold what they promise."""

import jiwer
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ovw.scoring.bootstrap import by_cluster, interval, rate_interval, resampled_rates
from ovw.scoring.counts import Pair, align, count
from ovw.scoring.flags import flags
from ovw.scoring.normalizer import by_characters, describe_normalizer, normalize
from ovw.scoring.paired import compare

HARD = [
    "Mr. Smith's $20 million, twenty-one pounds & ¢50",
    "the colour of 1,000 (noise) [music] theatres; don't, won't, I'd've",
    "uh, 5th of nineteen seventy six — it's 3.14%",
    "cause I dunno, kinda sorta gonna",
    "double oh seven minus one hundred and one point five",
    "",
    "\u00a0naïve café Œuvre",
]  # fmt: skip


@pytest.mark.parametrize("text", HARD)
def test_normalizer_is_openai_whisper_s(text: str) -> None:
    from whisper.normalizers import BasicTextNormalizer, EnglishTextNormalizer

    assert normalize(text, "en") == EnglishTextNormalizer()(text).strip()
    assert normalize(text, "fr") == BasicTextNormalizer()(text).strip()
    assert normalize(text, None) == normalize(text, "fr")


NUMBERS = [
    "one", "twenty", "thousand", "hundred", "and", "half", "point", "oh", "$", "5", "3.5", "2,000", "%", "pounds", "cents",
    "it's", "can't", "the", "colour", "mr", "o'clock", "double",
]  # fmt: skip
WORDS = st.lists(st.sampled_from(NUMBERS), max_size=10)


@settings(max_examples=200, deadline=None)
@given(WORDS)
def test_normalizer_is_openai_whisper_s_on_numbers(words: list[str]) -> None:
    from whisper.normalizers import EnglishTextNormalizer

    text = " ".join(words)
    assert normalize(text, "en") == EnglishTextNormalizer()(text).strip()


def test_normalizer_facts() -> None:
    assert describe_normalizer()["package"] == "whisper-normalization"
    assert describe_normalizer()["version"] == "1.0.0"


def test_counts_are_jiwer_s() -> None:
    pairs = [
        Pair("THE CAT SAT ON THE MAT", "The cat sat, on a mat today.", "en"),
        Pair("HELLO", "", "en"),
        Pair("Der Hund läuft", "Der Hund lauft", "de"),
        Pair("SAME", "same", "en"),
    ]
    counts = count(pairs)
    assert counts.substitutions.tolist() == [1, 0, 1, 0]
    assert counts.deletions.tolist() == [0, 1, 0, 0]
    assert counts.insertions.tolist() == [1, 0, 0, 0]
    assert counts.lengths.tolist() == [6, 1, 3, 1]
    texts = [(normalize(p.reference, p.language), normalize(p.hypothesis, p.language)) for p in pairs]
    assert counts.rate() == pytest.approx(100 * jiwer.wer(*map(list, zip(*texts, strict=True))))


def test_characters_where_no_spaces_are_written() -> None:
    assert by_characters("zh")
    assert not by_characters("ko")
    counts = count([Pair("今天 天气很好。", "今天天汽很好", "zh"), Pair("good day", "good", "en")])
    assert counts.lengths.tolist() == [6, 2]
    assert counts.errors.tolist() == [1, 1]
    assert [s.kind for s in align(Pair("今天", "今日", "zh"))] == ["equal", "substitute"]


def test_empty_reference_is_not_scored() -> None:
    counts = count([Pair("(noise)", "you", "en"), Pair("a b", "a b", "en")])
    assert counts.scored.tolist() == [False, True]
    assert counts.errors.tolist() == [0, 0]
    assert count([]).rate() == 0


def test_alignment_reads_in_order() -> None:
    steps = align(Pair("one two three four", "one three four five", "de"))
    assert [(s.kind, s.reference, s.hypothesis) for s in steps] == [
        ("equal", "one", "one"),
        ("delete", "two", ""),
        ("equal", "three four", "three four"),
        ("insert", "", "five"),
    ]
    assert align(Pair("", "x", "de"))[0].kind == "insert"
    assert align(Pair("", "", "de")) == []


def drawn_set(rng: np.random.Generator, rate: float, n: int = 300) -> tuple[np.ndarray, np.ndarray]:
    """Utterances of 3 to 35 words, some easier than others, so that errors come in bunches."""
    lengths = rng.integers(3, 36, n)
    hardness = rng.gamma(2, 1 / 2, n)
    return rng.binomial(lengths, np.clip(rate * hardness, 0, 1)), lengths


def test_interval_covers_the_true_rate() -> None:
    """300 utterances, 2,000 draws: the interval holds the truth in 93 to 97 % of 1,000 sets of known error rate."""
    rng = np.random.default_rng(20240501)
    many, words = drawn_set(rng, 0.06, 2_000_000)
    truth = 100 * many.sum() / words.sum()
    covered = 0
    for seed in range(1000):
        low, high = rate_interval(*drawn_set(rng, 0.06), draws=2000, seed=seed)
        covered += low <= truth <= high
    assert 930 <= covered <= 970


def test_paired_interval_covers_the_true_difference() -> None:
    rng = np.random.default_rng(7)
    covered = 0
    for seed in range(300):
        errors, lengths = drawn_set(rng, 0.1)
        more = rng.binomial(lengths - errors, 0.01)
        low, high = compare(errors + more, errors, lengths, draws=1000, seed=seed).ci95
        covered += low <= 0.9 <= high  # one word in a hundred of the nine tenths that were right
    assert 270 <= covered <= 297


def test_bootstrap_is_seeded_and_independent_of_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    errors, lengths = drawn_set(np.random.default_rng(1), 0.1)
    once = resampled_rates(errors, lengths, draws=50, seed=3)
    monkeypatch.setattr("ovw.scoring.bootstrap.AT_ONCE", 1000)
    assert np.array_equal(once, resampled_rates(errors, lengths, draws=50, seed=3))
    assert not np.array_equal(once, resampled_rates(errors, lengths, draws=50, seed=4))
    assert rate_interval(errors[:1], lengths[:1]) is None


def test_speakers_are_drawn_whole() -> None:
    errors, lengths = np.array([1, 2, 3, 4]), np.array([10, 10, 10, 10])
    summed, words = by_cluster(["a", "b", "a", None], errors, lengths)
    assert sorted(zip(summed.tolist(), words.tolist(), strict=True)) == [(2, 10), (4, 10), (4, 20)]
    rng = np.random.default_rng(0)
    speakers = [f"{i // 50}" for i in range(300)]
    hard = np.repeat(rng.uniform(0, 0.3, 6), 50)
    words = np.full(300, 20)
    said = rng.binomial(20, hard)
    wide = interval(resampled_rates(*by_cluster(speakers, said, words)))
    narrow = interval(resampled_rates(said, words))
    assert wide[1] - wide[0] > 2 * (narrow[1] - narrow[0])


def test_verdicts() -> None:
    lengths = np.full(200, 10)
    none, some = np.zeros(200, np.int64), np.tile([1, 0, 0, 0], 50)
    assert compare(some, none, lengths).verdict().startswith("worse by 2.50 points")
    assert compare(none, some, lengths).verdict().startswith("better by 2.50 points")
    assert compare(some, some, lengths).verdict() == "the same number of errors in each of 200 utterances"
    one = none.copy()
    one[0] = 1
    result = compare(one, none, lengths)
    assert result.verdict().startswith("no difference that 200 utterances could show: +0.05")
    assert (result.better, result.worse, result.equal) == (0, 1, 199)


@pytest.mark.parametrize(
    ("text", "length", "insertions", "deletions", "expected"),
    [
        ("no no no no no no no no no no no no no no no no no no no no no no no no no no", 3, 1, 0, ("repeats",)),
        ("thank you for watching this video today", 2, 5, 0, ("invents",)),
        ("invents four words and no more", 2, 4, 0, ()),
        ("invents six words for twelve and more", 13, 6, 0, ()),
        ("", 3, 0, 3, ("silent",)),
        ("", 2, 0, 2, ()),  # fewer than three words
        ("well", 3, 0, 2, ()),
        ("all is well", 3, 0, 0, ()),
    ],
)
def test_flags(text: str, length: int, insertions: int, deletions: int, expected: tuple[str, ...]) -> None:
    assert flags(text, length, insertions, deletions) == expected


@pytest.mark.parametrize("language", ["en", "de", "zh", None])
def test_a_reference_of_marks_alone_is_not_scored(language: str | None) -> None:
    pairs = [Pair(text, "one two", language) for text in ("... !?", "$ %", "7", "٣", "ä")]
    counts = count(pairs)
    assert counts.scored.tolist() == [False, False, True, True, True]
    assert counts.errors[:2].tolist() == [0, 0]
    assert [step.kind for step in align(pairs[0])] == ["insert"]
