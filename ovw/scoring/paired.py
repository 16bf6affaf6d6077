"""Two systems on the same utterances: the difference, how sure it is, and what that means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ovw.scoring.bootstrap import DRAWS, Interval, by_cluster, interval, resampled_rates


@dataclass(frozen=True)
class PairedComparison:
    """A system against a reference on the utterances both have.

    Attributes:
        utterances: compared.
        rate, reference_rate: in percent, on just these.
        delta: `rate - reference_rate`, in percentage points: below zero the system is better.
        ci95: of the delta; `None` where fewer than two units could be drawn.
        better, worse, equal: utterances with fewer, more and as many errors.
    """

    utterances: int
    rate: float
    reference_rate: float
    delta: float
    ci95: Interval | None
    better: int
    worse: int
    equal: int

    def verdict(self) -> str:
        """In plain words."""
        if self.ci95 is None:
            return f"{self.delta:+.2f} points, of too few clips or speakers for an interval"
        low, high = self.ci95
        margin = f"95 % of the time between {low:+.2f} and {high:+.2f}"
        if low > 0:
            return f"worse by {self.delta:.2f} points ({margin})"
        if high < 0:
            return f"better by {-self.delta:.2f} points ({margin})"
        if self.better == self.worse == 0:
            return f"the same number of errors in each of {self.utterances} utterances"
        return f"no difference that {self.utterances} utterances could show: {self.delta:+.2f} points ({margin})"


def compare(
    errors: NDArray[np.int64],
    reference_errors: NDArray[np.int64],
    lengths: NDArray[np.int64],
    *,
    speakers: Sequence[str | None] | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> PairedComparison:
    """Compare two systems on the same utterances. Both are resampled together, so what is hard in one cancels out.

    Args:
        errors: [n], of the system.
        reference_errors: [n], of the other one.
        lengths: [n], words of the references.
        speakers: [n], to be drawn in place of utterances.
        draws: sets to draw.
        seed: of the draw.
    """
    columns = (errors, reference_errors, lengths)
    drawn = columns if speakers is None else by_cluster(speakers, *columns)
    ci95 = None
    if len(drawn[2]) > 1:
        rates = resampled_rates(np.stack(drawn[:2]), drawn[2], draws=draws, seed=seed)
        ci95 = interval(rates[0] - rates[1])
    words = max(1, int(lengths.sum()))
    rate, reference_rate = 100 * float(errors.sum()) / words, 100 * float(reference_errors.sum()) / words
    change = errors - reference_errors
    return PairedComparison(
        utterances=len(lengths),
        rate=rate,
        reference_rate=reference_rate,
        delta=rate - reference_rate,
        ci95=ci95,
        better=int((change < 0).sum()),
        worse=int((change > 0).sum()),
        equal=int((change == 0).sum()),
    )
