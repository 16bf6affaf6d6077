"""Hours of speech: nothing grows, nothing is lost."""

import numpy as np
import pytest
from support.long_run import RECORDING_S, LongRun, Look, part, run
from support.whispers import opened

from ovw.audio import SAMPLE_RATE
from ovw.convert.plan import Converted


def test_speech_is_looped_to_the_sample() -> None:
    samples = np.arange(7 * SAMPLE_RATE, dtype=np.float32)
    first, second = part(samples, 0), part(samples, 1)
    assert len(first) == len(second) == RECORDING_S * SAMPLE_RATE
    assert np.array_equal(first[: len(samples)], samples)
    assert second[0] == (first[-1] + 1) % len(samples)


def test_growth_is_seen() -> None:
    def seen(mb_per_hour: float, files: int = 0, lost: int = 0) -> LongRun:
        jitter = (0.3, -0.2, 0.1, -0.3)
        return LongRun([
            Look(i / 4, i, 500 + mb_per_hour * i / 4 + jitter[i % 4], 20 + files * i, 9, 80.0, 900 - lost * (i == 8))
            for i in range(16)
        ])  # fmt: skip

    assert not seen(0.1).faults(1.0)
    assert "memory grows by 5.9 MB an hour" in seen(6.0).faults(1.0)[0]
    assert "words of 900 s of speech fall from 900 to 500" in seen(0.0, lost=400).faults(1.0)
    assert seen(0.0, files=1).faults(1.0) == ["files grow from 24 to 35"]


@pytest.mark.slow
@pytest.mark.weights
def test_hours_of_speech(base: Converted, demo_samples: np.ndarray) -> None:
    found = run(opened(base.folder), demo_samples, hours=8.0)
    assert not found.faults(warm_up=2.0)
