"""Sums of exponentials and largest values of rows of logits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovw.runtime.device import DeviceOptions
from ovw.runtime.fast.logsumexp import LogSumExp
from ovw.transcribe.decoding.numeric import RowLogSumExp, largest, logsumexp


@pytest.fixture(params=["numpy", "openvino"])
def total(request: pytest.FixtureRequest) -> RowLogSumExp:
    return logsumexp if request.param == "numpy" else LogSumExp(DeviceOptions(threads=1))


@pytest.mark.parametrize(("rows", "vocabulary"), [(1, 10), (16, 51_865), (5, 51_866)])
def test_totals_are_those_of_f64(total: RowLogSumExp, rows: int, vocabulary: int) -> None:
    logits = (8 * np.random.default_rng(rows).standard_normal((rows, vocabulary)) + 20).astype(np.float32)
    logits[:, ::3] = -np.inf
    expected = np.log(np.exp(logits.astype(np.float64)).sum(1))
    assert np.allclose(total(logits), expected, rtol=0, atol=1e-4)


def test_totals_where_little_is_allowed(total: RowLogSumExp) -> None:
    logits = np.full((3, 100), -np.inf, np.float32)
    logits[0, 7], logits[1, 7:9] = 200.0, -300.0  # neither exp(200) nor exp(-300) fits f32
    with np.errstate(divide="ignore"):
        assert np.allclose(total(logits)[:2], [200.0, -300.0 + np.log(2)])
        assert total(logits)[2] == -np.inf


@given(st.lists(st.integers(-50, 50), min_size=8, max_size=400), st.integers(1, 8))
def test_largest_is_a_sort(values: list[int], count: int) -> None:
    rows = np.array([values, [-value for value in values]], np.float32)
    for row, found in zip(rows, largest(rows, count), strict=True):
        assert len(set(found.tolist())) == count
        assert row[found].tolist() == sorted(row.tolist(), reverse=True)[:count]
