"""The search for a recipe, on measurements that are made up."""

from __future__ import annotations

from ovw.artifact.manifest import SpeechSet, WerGate
from ovw.convert.compression.recipe import GraphRecipe, Recipe, recipe_for
from ovw.convert.compression.recipe_search import Trial, best, search

SPEECH = SpeechSet(name="some", clips=1, seconds=1, audio={"a": "0"})
START = recipe_for("int8-ptq", "base")


def trial(recipe: Recipe, ms: float = 80, divergence: float = 1, size_mb: float = 80, delta: float = 0.0) -> Trial:
    verdict = "passed" if delta <= 0.5 else "undecided"
    gate = WerGate(
        speech=SPEECH, words=100, wer=10 + delta, fp32_wer=10, delta=delta, ci95=(delta - 1, delta + 1), allowed=0.5,
        inference_precision="f32", verdict=verdict,
    )  # fmt: skip
    return Trial(recipe, ms, size_mb, divergence, gate)


def test_the_search_follows_what_is_truer_at_the_same_speed() -> None:
    def attempt(recipe: Recipe) -> Trial:
        encoder = recipe.encoder
        slow = 20 if any("mlp" in pattern for pattern in encoder.keep) else 0
        off = abs(encoder.smooth_quant - 0.7) + abs(recipe.windows - 128) / 1000 + (0.05 if encoder.attention else 0)
        return trial(recipe, ms=80 + slow, divergence=off)

    told: list[str] = []
    found, trials = search(START, attempt, told.append)
    assert (found.encoder.smooth_quant, found.windows, found.encoder.attention) == (0.7, 128, False)
    assert found.encoder.keep == ()
    assert len({t.recipe.model_dump_json() for t in trials}) == len(trials) == len(told) + 1
    assert any("mlp" in str(t.recipe.encoder.keep) for t in trials)


def test_int4_searches_groups_and_ratios() -> None:
    start = Recipe(encoder=GraphRecipe(), decoder=GraphRecipe(weights="int4", group_size=64))
    found, trials = search(start, lambda r: trial(r, size_mb=100 - r.decoder.group_size / 10), lambda text: None)
    assert {t.recipe.decoder.group_size for t in trials} == {32, 64, 128}
    assert found.decoder.group_size == 128


def test_lost_words_count_before_speed() -> None:
    lost, kept = trial(START, ms=50, delta=2), trial(START, ms=90)
    assert best([lost, kept]) is kept
    assert best([lost]) is lost


def test_a_trial_is_a_row_of_the_manifest() -> None:
    row = trial(START, ms=80.123).describe()
    assert row["encoder_ms"] == 80.12
    assert Recipe(**row["recipe"]) == START


def test_what_is_no_artifact_is_passed_over() -> None:
    found, trials = search(START, lambda r: trial(r) if r.encoder.smooth_quant == 0.5 else None, lambda text: None)
    assert found.encoder.smooth_quant == 0.5
    assert all(t.recipe.encoder.smooth_quant == 0.5 for t in trials)
    assert search(START, lambda r: None, lambda text: None) == (START, [])
