"""Figures of an evaluation, their intervals, and how they compare."""

import numpy as np
import pytest
from support.hypotheses import hypothesis_of

from ovw.evaluate.score import BootstrapOptions, compare_with, length_class, metrics, score, tables, utterances
from ovw.evaluate.terminal import diff
from ovw.record_tables import number
from ovw.report.eval_tables import diff_markdown
from ovw.scoring.counts import Pair, align
from ovw.scoring.utterances import score_utterances, worst_first


def test_figures() -> None:
    hypotheses = [
        hypothesis_of("b", "THE CAT SAT ON THE MAT", "the cat sat on a mat", speaker="1"),
        hypothesis_of("a", "HELLO DEAR WORLD", "hello", temperature=0.4, duration_s=12.0, speaker="2"),
        hypothesis_of("c", "今天 天气", "今天天汽", language="zh"),
        hypothesis_of("d", "(noise)", "you"),
    ]
    scored = score(hypotheses)
    found = metrics(scored, BootstrapOptions(draws=200))
    assert found["wer"].value == pytest.approx(100 * 3 / 9, abs=1e-4)
    assert (found["words"].value, found["substitutions"].value, found["deletions"].value) == (9, 1, 2)
    assert found["cer"].value == pytest.approx(25.0)
    assert found["cer"].ci95 is None
    assert found["utterances"].value == 3
    assert found["rtf"].value == pytest.approx(3 / 20)
    assert found["fallback_rate"].value == pytest.approx(100 / 3, abs=1e-3)
    assert metrics(score(hypotheses[::-1]), BootstrapOptions(draws=200)) == found
    made = tables(scored, BootstrapOptions(draws=200))
    assert [(r["length"], r["metric"], r["utterances"]) for r in made["length"]] == [
        ("up to 5 s", "wer", 1), ("10 to 20 s", "wer", 1), ("up to 5 s", "cer", 1),
    ]  # fmt: skip
    assert {r["speaker"] for r in made["speaker"]} == {"1", "2", ""}
    assert {r["language"] for r in made["language"]} == {"en", "zh"}
    assert [(b.hypothesis.id, b.errors) for b in worst_first(utterances(scored))[:2]] == [("a", 2), ("c", 1)]


def test_the_worst_come_first_in_one_order_everywhere() -> None:
    texts = {"d": "a b", "c": "a b c", "b": "x b c", "a": "x b c", "e": "x y c"}
    hypotheses = [hypothesis_of(name, "a b c", text) for name, text in texts.items()]
    for listed in (utterances(score(hypotheses)), score_utterances(hypotheses)[::-1]):
        assert [entry.hypothesis.id for entry in worst_first(listed)] == ["e", "a", "b", "d", "c"]


def test_a_rate_is_rounded_once() -> None:
    clips = [hypothesis_of(str(i), "good", "bad" if i < 48 else "good") for i in range(798)]
    found = metrics(score(clips), BootstrapOptions(draws=10))["wer"]
    assert found.value == 100 * 48 / 798
    assert number(found.value) == "6.02"


def test_intervals_over_speakers() -> None:
    rng = np.random.default_rng(0)
    texts = [" ".join("good" if rng.random() > 0.1 + 0.4 * (i // 20) else "bad" for _ in range(20)) for i in range(40)]
    hypotheses = [hypothesis_of(f"{i:02}", "good " * 20, text, speaker=str(i // 10)) for i, text in enumerate(texts)]
    low, high = metrics(score(hypotheses), BootstrapOptions("speaker"))["wer"].ci95 or (0, 0)
    narrow = metrics(score(hypotheses), BootstrapOptions("utterance"))["wer"].ci95 or (0, 0)
    assert high - low > narrow[1] - narrow[0]


def test_speakers_are_drawn_in_tables_and_comparisons_too() -> None:
    """Utterances are counted all the same, and of one speaker there is no interval."""
    mine = [hypothesis_of(f"{i}", "one two", "one two" if i % 2 else "one", speaker=str(i // 4)) for i in range(8)]
    theirs = [hypothesis_of(f"{i}", "one two", "one" if i % 2 else "one two", speaker=str(i // 4)) for i in range(8)]
    by_speaker = BootstrapOptions("speaker", draws=200)
    found = compare_with(score(mine), score(theirs), by_speaker)["wer"]
    assert (found.utterances, found.better, found.worse, found.equal) == (8, 4, 4, 0)
    assert found.ci95 == (0, 0)  # both speakers are the same
    assert "no difference that 8 utterances could show" in found.verdict()
    (row,) = tables(score(mine), by_speaker)["length"]
    assert (row["ci95_low"], row["ci95_high"]) == metrics(score(mine), by_speaker)["wer"].ci95
    one = compare_with(score(mine[:4]), score(theirs[:4]), by_speaker)["wer"]
    assert one.ci95 is None
    assert one.verdict() == "+0.00 points, of too few clips or speakers for an interval"


def test_what_is_made_up_over_silence_is_a_figure_of_its_own() -> None:
    looping = "no " * 60
    clips = [hypothesis_of("a", "all is well", "all is well"), *(hypothesis_of(k, "", looping) for k in "bcd")]
    assert metrics(score(clips), BootstrapOptions(draws=10))["hallucination_rate"].value == 0


def test_compared_on_the_clips_both_have() -> None:
    mine = [hypothesis_of(str(i), "one good day", "one good day" if i else "one bad day") for i in range(6)]
    theirs = [hypothesis_of(str(i), "one good day", "one good") for i in range(3)]
    found = compare_with(score(mine), score(theirs), BootstrapOptions(draws=300))["wer"]
    assert found.utterances == 3
    assert found.delta == pytest.approx(100 * (1 - 3) / 9, abs=1e-3)
    assert (found.better, found.worse, found.equal) == (2, 0, 1)
    assert compare_with(score(mine), score([hypothesis_of("other", "x", "x")]), BootstrapOptions()) == {}


@pytest.mark.parametrize(("seconds", "place"), [(0.0, 0), (5.0, 0), (5.1, 1), (30.0, 3), (31.0, 4)])
def test_length_classes(seconds: float, place: int) -> None:
    assert length_class(seconds) == place


def test_diffs() -> None:
    steps = align(Pair("the <old> cat sat", "the cat sat & slept", "de"))
    assert diff_markdown(steps) == "the cat sat **slept**"
    steps = align(Pair("a cat sat", "a hat sat", "de"))
    assert diff_markdown(steps) == "a ~~cat~~ **hat** sat"
    assert diff(steps, colour=False).plain == "a [-cat-] {+hat+} sat"
    assert diff(steps, colour=True).plain == "a cat hat sat"


def test_the_most_frequent_errors() -> None:
    scored = score(
        [
            hypothesis_of("a", "the cat sat", "a cat"),
            hypothesis_of("b", "the dog sat down", "a dog sat down now"),
            hypothesis_of("c", "", "nothing counts here"),
            hypothesis_of("d", "今天", "今日", language="zh"),
        ]
    )
    rows = [tuple(row.values()) for row in tables(scored, BootstrapOptions(draws=100))["confusions"]]
    assert rows == [
        ("wer", "substitute", "the", "a", 2),
        ("wer", "delete", "sat", "", 1),
        ("wer", "insert", "", "now", 1),
        ("cer", "substitute", "天", "日", 1),
    ]
    many = score([hypothesis_of(f"{i}", f"ba{chr(97 + i)}o", f"du{chr(97 + i)}o") for i in range(20)])
    assert len(tables(many, BootstrapOptions(draws=100))["confusions"]) == 10
