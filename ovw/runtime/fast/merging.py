"""Token merging: neighbouring positions that are alike become one.

Speech changes more slowly than Whisper's 50 positions a second. Before some blocks of the encoder and behind the last,
the most similar pairs of neighbours are replaced by their weighted mean; what follows, the decoder's attention to the
audio too, has fewer positions to compute. A position that stands for several adds the logarithm of their number to its
attention scores, as the groups of silent positions of `AudioContext` do. (Bolya et al., 2023, "Token Merging"; there
any two tokens may merge, here neighbours only: positions stay in order, and a merged one is a stretch of time.)
"""

from __future__ import annotations

import numpy as np
import openvino as ov
import openvino.opset15 as ops
from numpy.typing import NDArray

from ovw.artifact.ir_names import LAST_NORM, attention_norm, norm_scale

SITES = ((0, 0.1), (1 / 3, 0.1), (2 / 3, 0.1), (1, 0.4))
"""Before which block, as a part of the encoder's depth, how large a part of the positions is merged. A little at each:
the more at once, the less alike. More behind the last block: there neighbours have come to be alike."""
FEWEST = 192
"""Windows of fewer positions are not merged: of 2 s of speech each part is needed."""
STEP = 64
"""Numbers of positions are multiples of it: the CPU plugin makes new kernels for each."""


def blocks_to_merge_before(layers: int) -> list[int]:
    """The sites in an encoder, the last behind its last block."""
    return [round(part * layers) for part, _ in SITES]


def pairs_to_merge(positions: int) -> NDArray[np.int64]:
    """Pairs to merge at each site: no more than there are, and what is left is a multiple of `STEP`."""
    if positions < FEWEST:
        return np.zeros(len(SITES), np.int64)
    left = [positions]
    goal = float(positions)
    for _, share in SITES:
        goal *= 1 - share
        rounded = max(round(goal / STEP), 1) * STEP
        left.append(min(left[-1], max(rounded, -(-left[-1] // 2))))
    return -np.diff(left)


def merge_before(encoder: ov.Model, block: int, pairs: ov.Output, bias: ov.Output) -> ov.Output:
    """Merge neighbours before a block of an encoder, in place.

    Args:
        encoder: of batch 1.
        block: number of it; the number of blocks for the end.
        pairs: how many to merge, i64 [1].
        bias: the logarithm of how many positions each stands for, f32 [1, 1, 1, n].

    Returns:
        The bias of the positions that are left.
    """
    residual = _input_of(encoder, block)
    users = residual.get_target_inputs()
    merged, left = merge_neighbours(residual, pairs, bias)
    for user in users:
        user.replace_source_output(merged)
    return left


def merge_neighbours(hidden: ov.Output, pairs: ov.Output, bias: ov.Output) -> tuple[ov.Output, ov.Output]:
    """The most similar of the pairs (0, 1), (2, 3), ... of positions become their weighted means.

    Args:
        hidden: f32 [1, n, state].
        pairs: how many to merge, i64 [1].
        bias: the logarithm of how many positions each stands for, f32 [1, 1, 1, n].

    Returns:
        What is left, f32 [1, n - pairs, state], in the same order, and its bias [1, 1, 1, n - pairs].
    """
    weights = ops.exp(ops.reshape(bias, [-1], False))
    size = ops.shape_of(weights)
    absorbed = _absorbed(hidden, size, pairs)
    count, last = ops.squeeze(ops.subtract(size, pairs), [0]), ops.subtract(size, [1])
    kept = ops.topk(absorbed, count, 0, "min", "index", "i64").output(1)
    after = ops.minimum(ops.add(kept, [1]), last)
    own = ops.gather(weights, kept, np.int64(0))
    other = ops.gather(ops.multiply(weights, absorbed), after, np.int64(0))
    both = ops.add(own, other)
    part = ops.reshape(ops.divide(other, both), [1, -1, 1], False)
    ours, theirs = (ops.gather(hidden, which, np.int64(1)) for which in (kept, after))
    mean = ops.add(ours, ops.multiply(ops.subtract(theirs, ours), part))
    return mean.output(0), ops.reshape(ops.log(both), [1, 1, 1, -1], False).output(0)


def _absorbed(hidden: ov.Output, size: ov.Node, pairs: ov.Output) -> ov.Node:
    """1 for each position that its left neighbour takes in, 0 for the others; f32 [n]."""
    # how alike two positions are shows in what sets them apart from all others
    own = ops.subtract(hidden, ops.reduce_mean(hidden, [1], True))
    unit = ops.normalize_l2(own, [2], 1e-6, "add")
    even = ops.slice(unit, [0], ops.multiply(ops.divide(size, [2]), [2]), [2], [1])
    odd = ops.slice(unit, [1], size, [2], [1])
    likeness = ops.reshape(ops.reduce_sum(ops.multiply(even, odd), [2]), [-1], False)
    ranking = ops.topk(likeness, ops.squeeze(ops.shape_of(likeness), [0]), 0, "max", "value", "i64").output(1)
    chosen = ops.slice(ranking, [0], pairs, [1], [0])
    right = ops.add(ops.multiply(chosen, [2]), [1])
    nothing, ones = (ops.broadcast(np.float32(value), shape) for value, shape in ((0, size), (1, pairs)))
    return ops.scatter_update(nothing, right, ones, np.int64(0))


def _input_of(encoder: ov.Model, block: int) -> ov.Output:
    """The input of a block of the encoder, or of the norm behind the last, [1, n, state]."""
    nodes = {op.get_friendly_name(): op for op in encoder.get_ops()}
    node = nodes.get(norm_scale(attention_norm(block))) or nodes[norm_scale(LAST_NORM)]
    while node.get_type_name() != "Multiply":
        (user,) = node.output(0).get_target_inputs()
        node = user.get_node()
    (norm,) = (value.get_node() for value in node.input_values() if value.get_node().get_type_name() == "MVN")
    return norm.input_value(0)
