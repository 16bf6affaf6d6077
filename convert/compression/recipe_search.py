"""Search for a recipe: fewer milliseconds and megabytes at no loss of words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ovw.artifact.manifest import WerGate
from ovw.convert.compression.recipe import Recipe

SMOOTH_QUANT = (0.4, 0.5, 0.6, 0.7, 0.8)
WINDOWS = (32, 64, 128)
KEEP: tuple[tuple[str, ...], ...] = ((), (r"Convolution.*",), (r".*mlp\.2.*",))
"""Operations that suffer most from 8 bits: convolutions, and the products behind GELU with their rare large values."""
GROUP_SIZES = (128, 64, 32)
RATIOS = (1.0, 0.8, 0.6)
SAME_SPEED = 1.03
"""Times this close are the same."""


@dataclass(frozen=True)
class Trial:
    """A recipe that was tried.

    Attributes:
        recipe: what was done.
        encoder_ms: the shortest time of a 30 s window: what disturbs a measurement only ever adds.
        size_mb: of the artifact.
        divergence: Kullback-Leibler divergence from the fp32 IR's next-token distribution, mean over its
            tokens, in millinats: it ranks recipes long before a word is lost.
        gate: words that were lost.
    """

    recipe: Recipe
    encoder_ms: float
    size_mb: float
    divergence: float
    gate: WerGate

    def describe(self) -> dict[str, Any]:
        """A row of the manifest's table."""
        return {
            "recipe": self.recipe.describe(),
            "encoder_ms": round(self.encoder_ms, 2),
            "size_mb": round(self.size_mb, 2),
            "divergence_mnat": round(self.divergence, 3),
            "wer": self.gate.wer,
            "delta": self.gate.delta,
            "ci95": self.gate.ci95,
            "verdict": self.gate.verdict,
        }


def search(
    start: Recipe, attempt: Callable[[Recipe], Trial | None], on_trial: Callable[[str], None]
) -> tuple[Recipe, list[Trial]]:
    """Try the neighbours of a recipe, one setting after the other, each from the best so far.

    Args:
        start: the recipe to beat.
        attempt: makes an artifact by a recipe and measures it; none if it is no artifact at all.
        on_trial: called with what is tried.

    Returns:
        The best recipe, and every trial in its order.
    """
    first = attempt(start)
    trials, tried = [first] if first else [], [start]
    for neighbours in (_smoothed, _kept, _calibrated, _grouped):
        for recipe in neighbours(best(trials).recipe if trials else start):
            if recipe not in tried:
                tried.append(recipe)
                on_trial(f"trial {len(tried)}: {recipe.describe()}")
                trials += [trial for trial in [attempt(recipe)] if trial]
    return best(trials).recipe if trials else start, trials


def best(trials: Sequence[Trial]) -> Trial:
    """The fastest of those that pass the gate (of all, if none does); of equally fast and small ones the truest."""
    passing = [trial for trial in trials if trial.gate.verdict == "passed"] or list(trials)
    fastest = min(trial.encoder_ms for trial in passing)
    smallest = min(trial.size_mb for trial in passing if trial.encoder_ms <= SAME_SPEED * fastest)
    close = [t for t in passing if t.encoder_ms <= SAME_SPEED * fastest and t.size_mb <= SAME_SPEED * smallest]
    return min(close, key=lambda trial: trial.divergence)


def _smoothed(recipe: Recipe) -> Iterator[Recipe]:
    if recipe.calibrated:
        yield from (_with_encoder(recipe, smooth_quant=alpha) for alpha in SMOOTH_QUANT)


def _kept(recipe: Recipe) -> Iterator[Recipe]:
    if recipe.calibrated:
        yield from (_with_encoder(recipe, keep=keep) for keep in KEEP)
        yield _with_encoder(recipe, attention=not recipe.encoder.attention)


def _calibrated(recipe: Recipe) -> Iterator[Recipe]:
    if recipe.calibrated:
        yield from (recipe.model_copy(update={"windows": windows}) for windows in WINDOWS)


def _grouped(recipe: Recipe) -> Iterator[Recipe]:
    if recipe.decoder.weights == "int4":
        for group_size in GROUP_SIZES:
            for ratio in RATIOS:
                changed = recipe.decoder.model_copy(update={"group_size": group_size, "ratio": ratio})
                yield recipe.model_copy(update={"decoder": changed})


def _with_encoder(recipe: Recipe, **changes: Any) -> Recipe:
    return recipe.model_copy(update={"encoder": recipe.encoder.model_copy(update=changes)})
