"""Neighbouring positions merged into one."""

import numpy as np
import openvino as ov
import openvino.opset15 as ops
import pytest

from ovw.runtime.device import core
from ovw.runtime.fast.merging import SITES, STEP, blocks_to_merge_before, merge_neighbours, pairs_to_merge


def merged(heard: np.ndarray, pairs: int, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The graph's result: positions and how many each stands for."""
    inputs = [
        ops.parameter([1, -1, heard.shape[1]], ov.Type.f32),
        ops.parameter([1], ov.Type.i64),
        ops.parameter([1, 1, 1, -1], ov.Type.f32),
    ]
    model = ov.Model([ops.result(out) for out in merge_neighbours(*(node.output(0) for node in inputs))], inputs, "m")
    run = core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    left, bias = run([heard[None], np.array([pairs]), np.log(weights).reshape(1, 1, 1, -1)]).values()
    return left[0], np.exp(bias).ravel()


def expected(heard: np.ndarray, pairs: int, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same, position by position."""
    own = heard - heard.mean(axis=0)
    own /= np.linalg.norm(own, axis=1, keepdims=True)
    alike = [float(own[i] @ own[i + 1]) for i in range(0, len(heard) - 1, 2)]
    chosen = {2 * int(i) for i in np.argsort(alike)[len(alike) - pairs :]}
    left: list[np.ndarray] = []
    sizes: list[float] = []
    for i, (position, weight) in enumerate(zip(heard, weights, strict=True)):
        if i - 1 in chosen:
            left[-1] = (left[-1] * sizes[-1] + position * weight) / (sizes[-1] + weight)
            sizes[-1] += float(weight)
        else:
            left.append(position)
            sizes.append(float(weight))
    return np.array(left), np.array(sizes)


@pytest.mark.parametrize("positions", [8, 9, 64, 101])
@pytest.mark.parametrize("part", [0, 0.1, 0.5, 1])
def test_the_most_similar_neighbours_become_their_mean(positions: int, part: float) -> None:
    rng = np.random.default_rng(positions)
    heard = rng.standard_normal((positions, 16)).astype(np.float32) + 3
    weights = rng.integers(1, 9, positions).astype(np.float32)
    pairs = int(part * (positions // 2))
    left, sizes = merged(heard, pairs, weights)
    wanted, wanted_sizes = expected(heard, pairs, weights)
    assert len(left) == positions - pairs
    assert np.allclose(left, wanted, atol=1e-5)
    assert np.allclose(sizes, wanted_sizes, rtol=1e-5)


def test_nothing_merged_is_nothing_changed() -> None:
    heard = np.random.default_rng(0).standard_normal((30, 4)).astype(np.float32)
    left, sizes = merged(heard, 0, np.ones(30, np.float32))
    assert np.array_equal(left, heard)
    assert np.array_equal(sizes, np.ones(30))


@pytest.mark.parametrize("positions", [662, 1500, 3000])
def test_how_many_are_left(positions: int) -> None:
    left = positions - np.cumsum(pairs_to_merge(positions))
    assert not (left % STEP).any()
    goals = positions * np.cumprod([1 - share for _, share in SITES])
    assert (np.abs(left - goals) <= STEP / 2).all()


def test_there_are_as_many_pairs_as_are_merged() -> None:
    for positions in range(1, 1501):
        pairs = pairs_to_merge(positions)
        before = positions - np.cumsum([0, *pairs[:-1]])
        assert (pairs >= 0).all()
        assert (pairs <= before // 2).all()


def test_a_tiny_window_is_not_merged() -> None:
    assert not pairs_to_merge(STEP).any()


@pytest.mark.parametrize("layers", [1, 2, 4, 6, 12, 24, 32])
def test_where_they_are_merged(layers: int) -> None:
    blocks = blocks_to_merge_before(layers)
    assert blocks == sorted(blocks)
    assert blocks[0] == 0
    assert blocks[-1] == layers
