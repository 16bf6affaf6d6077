"""Ways through a graph: what is above a value, what uses it, what is constant; inputs, outputs and states for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import openvino as ov
import openvino.opset15 as ops
from numpy.typing import NDArray
from openvino.op.util import Variable, VariableInfo

DEEPEST_CONSTANT = 8
"""Operations that unpack a constant, one behind the other: types, zero points, scales, shapes."""


class UnknownGraphError(ValueError):
    """A graph that is not built as the fast path needs it; the message has the place."""


def walk_up(value: ov.Output, kind: str) -> ov.Node:
    """The first operation of a kind above a value, along the input of each operation that is no constant."""
    node = value.get_node()
    while node.get_type_name() != kind:
        varying = [source for source in node.input_values() if not is_constant(source)]
        require(len(varying) == 1, node.get_friendly_name(), f"{kind} above it")
        node = varying[0].get_node()
    return node


def ancestors(value: ov.Output) -> Iterator[ov.Node]:
    """The operations that a value is computed by, down from parameters and states; each once."""
    seen, left = set(), [value.get_node()]
    while left:
        node = left.pop()
        if node.get_name() in seen:
            continue
        seen.add(node.get_name())
        yield node
        if node.get_type_name() != "ReadValue":
            left += [source.get_node() for source in node.input_values()]


def is_constant(value: ov.Output, depth: int = DEEPEST_CONSTANT) -> bool:
    """Whether a value is the same for all inputs: a constant, unpacked or not."""
    node = value.get_node()
    if node.get_type_name() in ("Constant", "ReadValue"):
        return bool(node.get_type_name() == "Constant")
    sources = node.input_values()
    return bool(sources) and depth > 0 and all(is_constant(source, depth - 1) for source in sources)


def value_of(value: ov.Output) -> NDArray[Any] | None:
    """The values of a constant, which may be stored in another type; `None` for anything else."""
    node = value.get_node()
    while node.get_type_name() == "Convert":
        node = node.input_value(0).get_node()
    return np.asarray(node.get_data()) if node.get_type_name() == "Constant" else None


def users(node: ov.Node) -> list[ov.Node]:
    """The operations that take a node's first output."""
    return [use.get_node() for use in node.output(0).get_target_inputs()]


def named_parameter(name: str, shape: Sequence[int | ov.Dimension], dtype: type[np.generic] | ov.Type) -> ov.Node:
    """An input of that name, -1 for a dynamic axis."""
    node = ops.parameter(ov.PartialShape(list(shape)), dtype, name=name)
    node.output(0).set_names({name})
    return node


def named_result(value: ov.Node | ov.Output, name: str) -> ov.Node:
    """An output of that name."""
    result = ops.result(value, name=name)
    result.input_value(0).set_names({name})
    return result


def variable_info(name: str, shape: ov.PartialShape, dtype: ov.Type) -> VariableInfo:
    """The description of a state."""
    info = VariableInfo()
    info.variable_id, info.data_shape, info.data_type = name, shape, dtype
    return info


def make_state(
    name: str, shape: ov.PartialShape, dtype: ov.Type, initial: ov.Node | ov.Output
) -> tuple[ov.Node, Variable]:
    """A state with its values after a reset: the operation that reads it, and what an `assign` takes."""
    variable = Variable(variable_info(name, shape, dtype))
    return ops.read_value(initial, variable, name=name), variable


def replace(old: ov.Node, new: ov.Output) -> None:
    """Have all uses of a node's first output take another value."""
    for use in old.output(0).get_target_inputs():
        use.replace_source_output(new)


def require(condition: bool, where: str, what: str) -> None:
    """Raise `UnknownGraphError` unless a graph is as it has to be.

    Args:
        condition: whether it is.
        where: part of the graph.
        what: is expected there.
    """
    if not condition:
        raise UnknownGraphError(f"{where}: {what} expected")
