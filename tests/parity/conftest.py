"""Speech that several modules transcribe."""

import numpy as np
import pytest


@pytest.fixture(scope="session")
def speech(demo_samples: np.ndarray) -> list[np.ndarray]:
    """Clips of different lengths, cut at pauses of the demo."""
    return [demo_samples, demo_samples[: 5 * 16000], demo_samples[5 * 16000 : 11 * 16000]]
