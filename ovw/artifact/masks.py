"""Attention masks that lack the batch axis, which OpenVINO misreads, and their repair.

The CPU plugin's stateful attention (seen in OpenVINO 2026.4) walks a mask [1, 1, n, L] in bf16 with a stride for each
row: every row of a batch after the first is masked with whatever lies behind the mask in memory. A mask of shape
[B, 1, n, L] is read correctly. Artifacts made by earlier versions have the first kind.
"""

from __future__ import annotations

from pathlib import Path

import openvino as ov
import openvino.opset15 as ops

from ovw.artifact import names
from ovw.errors import OvwError, reason

MASK = 3
"""Input number of the mask of a `ScaledDotProductAttention`."""


def masks_without_batch(model: ov.Model) -> list[ov.Node]:
    """The attention nodes whose rows share one mask of batch 1, in the order of the graph."""
    attention = (op for op in model.get_ordered_ops() if op.get_type_name() == "ScaledDotProductAttention")
    return [node for node in attention if node.get_input_size() > MASK and _lacks_batch(node)]


def decoders_without_batch(folder: Path) -> list[str]:
    """The decoder IRs of an artifact that have such a mask, by file name.

    Raises:
        OvwError: one cannot be read.
    """
    decoders = (folder / f"{stem}.xml" for stem in (names.DECODER, names.STATELESS_DECODER))
    return [path.name for path in decoders if path.is_file() and masks_without_batch(_read(path))]


def _read(path: Path) -> ov.Model:
    try:
        return ov.Core().read_model(path)
    except RuntimeError as error:
        raise OvwError(f"{path.name}: OpenVINO cannot read it: {reason(error)}", "fetch or convert it again") from error


def give_masks_the_batch(model: ov.Model) -> bool:
    """Repeat such masks for every row of the batch, in place; whether there were any."""
    repeated: dict[tuple[str, int], ov.Output] = {}
    for node in masks_without_batch(model):
        mask = node.input_value(MASK)
        key = (mask.get_node().get_name(), mask.get_index())
        if key not in repeated:
            rows = ops.gather(ops.shape_of(node.input_value(0)), [0], 0)
            shape = ops.concat([rows, ops.constant([1, 1, 1], ov.Type.i64)], 0)
            repeated[key] = ops.broadcast(mask, shape, broadcast_spec="BIDIRECTIONAL").output(0)
        node.input(MASK).replace_source_output(repeated[key])
    if repeated:
        model.validate_nodes_and_infer_types()
    return bool(repeated)


def _lacks_batch(attention: ov.Node) -> bool:
    queries, mask = (attention.get_input_partial_shape(i) for i in (0, MASK))
    if mask.rank.is_dynamic or mask.rank.get_length() != queries.rank.get_length():
        return False
    return bool(mask[0] == ov.Dimension(1) and queries[0] != ov.Dimension(1))
