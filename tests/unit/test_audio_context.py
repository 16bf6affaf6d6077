"""Which positions of a window are computed."""

import numpy as np
import pytest

from ovw.runtime.fast.context import EDGE, AudioContext, contexts

TOTAL = 1500


@pytest.mark.parametrize("computed", [64, 640, 1408])
def test_every_position_counts_once(computed: int) -> None:
    context = AudioContext(computed, TOTAL)
    weights = np.exp(context.bias)
    assert weights.sum() == pytest.approx(TOTAL, rel=1e-5)
    assert np.array_equal(context.places[:computed], np.arange(computed))
    assert np.array_equal(weights[:computed], np.ones(computed))
    assert (np.diff(context.places) > 0).all()
    assert context.places[-1] < TOTAL
    assert np.array_equal(context.sources[:computed], np.arange(computed))
    assert set(context.sources[computed:]) == {computed}


def test_silent_positions_are_grouped_finely_next_to_the_sound() -> None:
    sizes = np.exp(AudioContext(640, TOTAL).bias[640:-1]).round()
    assert sizes[0] == 8
    assert (np.diff(sizes) >= 0).all()
    assert sizes[-1] == 64
    assert len(sizes) < 30


def test_the_silent_position_feels_neither_the_sound_nor_the_edge() -> None:
    """Convolutions of width 3, the second with stride 2: position p hears frames 2p - 2 to 2p + 2."""
    context = AudioContext(640, TOTAL)
    silent = context.sources[-1]
    assert 2 * silent - 2 >= context.room
    assert 2 * silent + 2 < context.frames
    assert context.frames == 2 * (640 + EDGE)


def test_the_whole_window_is_just_that() -> None:
    context = AudioContext(TOTAL, TOTAL)
    assert context.full_context
    assert context.frames == context.room == 2 * TOTAL
    assert np.array_equal(context.places, np.arange(TOTAL))
    assert not context.bias.any()


def test_there_is_a_context_for_every_length() -> None:
    found = contexts(TOTAL, 64)
    rooms = [context.room for context in found]
    assert rooms == sorted(rooms)
    assert rooms[-1] == 2 * TOTAL
    assert all(not context.full_context for context in found[:-1])
    assert found[-1].full_context


def test_a_model_of_a_tiny_window_has_the_whole_one_only() -> None:
    (only,) = contexts(60, 64)
    assert only.full_context
