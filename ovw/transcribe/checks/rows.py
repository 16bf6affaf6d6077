"""Rows of a batch against the same rows alone.

A batch must not change what is computed for a row. Where it does, words are lost without any sign of it: a wrong mask
stride in one CPU's arithmetic once cost half of the words of every batch.
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
"""Distance that a batch may move a row, as a share of the distance that the arithmetic itself moves it from f32."""

Logits = NDArray[np.float32]


def relative_l2(found: Logits, expected: Logits) -> float:
    """Relative L2 distance of logits [n, n_vocab], whose mean over the vocabulary does not count; inf for NaN."""
    found, expected = (values - values.mean(-1, keepdims=True) for values in (found, expected))
    distance = float(np.linalg.norm(found - expected) / np.linalg.norm(expected))
    return distance if np.isfinite(distance) else float("inf")


def fed_alone(decoder: Decoder, audio: Audio, sequence: Sequence[int], rows: int = 1) -> Logits:
    """Logits [n, n_vocab] of a sequence over one window, fed as `batch_distance` feeds it.

    Args:
        decoder: the session.
        audio: the encoded window.
        sequence: n tokens, more than `SINGLE_STEPS`.
        rows: equal rows, where the decoder takes no fewer.
    """
    found = _feed_rows(decoder, [audio] * rows, [sequence] * rows, list(range(rows)))
    return np.concatenate([part[0] for part in found])


def batch_distance(
    decoder: Decoder,
    audio: Sequence[Audio],
    sequences: Sequence[Sequence[int]],
    alone: Sequence[Logits],
    windows: Sequence[int],
) -> float:
    """The largest relative L2 distance between the logits of a row in a batch and of the same row alone.

    Rows take turns among those of equal windows, and half of them leave at the end where the decoder allows that.

    Args:
        decoder: the session.
        audio: encoded windows.
        sequences: of each window, equally many tokens.
        alone: `fed_alone` of each window.
        windows: of each row of the batch, the number of its window.
    """
    batch = [audio[w] for w in windows], [sequences[w] for w in windows]
    found = _feed_rows(decoder, *batch, _rotated(windows))
    kept = len(found[-1])
    rows = [np.concatenate([part[row] for part in found[: None if row < kept else -1]]) for row in range(len(windows))]
    return max(relative_l2(row, alone[w][: len(row)]) for row, w in zip(rows, windows, strict=True))


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
