"""Rows of a batch against the same rows alone.

A batch must not change what is computed for a row. Where it does, words are lost without any sign of it: a wrong mask
stride in one CPU's arithmetic once cost half of the words of every batch.

In f32 a row is compared with itself alone. In other arithmetic the kernels for few and for many rows may round
differently, so two questions take the place of that one: does a row depend on the others, which a batch of equal rows
of the same size answers without any rounding, and is a batch of that size as close to f32 as a row alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ovw.runtime.protocols import Audio, Decoder
from ovw.transcribe.selftest import feed

BATCHES = (2, 5, 16)
SINGLE_STEPS = 3
"""Tokens at the end of a sequence, fed one by one: into a filled cache, after a reorder, after rows have left."""
SAME_IN_F32 = 1e-4
SHARE_OF_ARITHMETIC = 0.1
"""Distance that other rows may move a row, as a share of the distance that the arithmetic itself moves it from f32."""
BATCH_TO_F32 = 1.5
"""Distance of a batch from f32, as a multiple of that of a row alone."""


def allowed_between_rows(to_f32: float) -> float:
    """Distance that other rows may move a row whose arithmetic alone is at a distance from f32."""
    return max(SAME_IN_F32, SHARE_OF_ARITHMETIC * to_f32)


def allowed_from_f32(to_f32: float) -> float:
    """Distance from f32 that a batch may have whose rows alone are at a distance from it."""
    return max(SAME_IN_F32, BATCH_TO_F32 * to_f32)


def batch_fault(by_others: float, batch_to_f32: float, to_f32: float) -> str | None:
    """The fault of a batch; `None` if it changes its rows by no more than is allowed, and NaN is more.

    Args:
        by_others: distance that other rows move a row.
        batch_to_f32: distance of the batch from f32.
        to_f32: distance of rows alone from f32.
    """
    between, from_f32 = allowed_between_rows(to_f32), allowed_from_f32(to_f32)
    if not by_others <= between:
        return f"rows of a batch depend on each other: logits differ by {by_others:.2g}, {between:.2g} is allowed"
    if not batch_to_f32 <= from_f32:
        return f"rows of a batch are {batch_to_f32:.2g} from f32, {from_f32:.2g} is allowed"
    return None


Logits = NDArray[np.float32]


def logits_distance(found: Logits, expected: Logits) -> float:
    """Relative L2 distance of logits [n, n_vocab], whose mean over the vocabulary does not count; inf for NaN."""
    found, expected = (values - values.mean(-1, keepdims=True) for values in (found, expected))
    distance = float(np.linalg.norm(found - expected) / np.linalg.norm(expected))
    return distance if np.isfinite(distance) else float("inf")


def fed_batch(
    decoder: Decoder, audio: Sequence[Audio], sequences: Sequence[Sequence[int]], windows: Sequence[int]
) -> list[Logits]:
    """Logits [n, n_vocab] of each row of a batch; [n - 1, n_vocab] of those that have left before the end.

    Rows take turns among those of equal windows, and half of them leave before the last token where the decoder allows
    that.

    Args:
        decoder: the session.
        audio: encoded windows.
        sequences: of each window, equally many tokens, more than `SINGLE_STEPS`.
        windows: of each row, the number of its window.
    """
    found = _feed_rows(decoder, [audio[w] for w in windows], [sequences[w] for w in windows], _rotated(windows))
    kept = len(found[-1])
    return [np.concatenate([part[row] for part in found[: None if row < kept else -1]]) for row in range(len(windows))]


def fed_equal(decoder: Decoder, audio: Audio, sequence: Sequence[int], rows: int = 1) -> Logits:
    """Logits [n, n_vocab] of a sequence over one window, alone or among equal rows, fed as `fed_batch` feeds them."""
    return fed_batch(decoder, [audio], [sequence], [0] * rows)[0]


def largest_distance(found: Sequence[Logits], expected: Sequence[Logits]) -> float:
    """The largest relative L2 distance of a row's logits from what is expected of it, up to where it left."""
    return max(logits_distance(row, whole[: len(row)]) for row, whole in zip(found, expected, strict=True))


def _feed_rows(
    decoder: Decoder, audio: Sequence[Audio], sequences: Sequence[Sequence[int]], order: Sequence[int]
) -> list[Logits]:
    """Logits of each call, [rows, n, n_vocab]; the last call has half of the rows if some could leave."""
    tokens, same = np.array(sequences), np.arange(len(audio), dtype=np.int32)
    decoder.start(audio)
    found = [feed(decoder, tokens[:, :-SINGLE_STEPS])]
    for at, beam_idx in ((-3, same), (-2, np.array(order, np.int32))):
        found.append(decoder.step(tokens[:, at : at + 1], beam_idx).copy())
    kept = list(range((len(audio) + 1) // 2))
    if len(kept) < len(audio) and decoder.narrow(kept):
        tokens, same = tokens[kept], same[kept]
    found.append(decoder.step(tokens[:, -1:], same).copy())
    decoder.release()
    return found


def _rotated(windows: Sequence[int]) -> list[int]:
    """For each row the next one of the same window, the first one behind the last."""
    rows: dict[int, list[int]] = {}
    for row, window in enumerate(windows):
        rows.setdefault(window, []).append(row)
    following = {row: same[(i + 1) % len(same)] for same in rows.values() for i, row in enumerate(same)}
    return [following[row] for row in range(len(windows))]
