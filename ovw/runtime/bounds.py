"""The shapes a compiled graph takes, and a clear word where something else is fed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import openvino as ov

from ovw.errors import OvwError

HINTS = {
    "batch": "fewer beams, or ovw reshape with another --batch",
    "tokens": "a shorter prompt, or ovw reshape with other --tokens",
    "frames": "ovw reshape with other --frames",
}


@dataclass(frozen=True)
class PortBounds:
    """Bounds of one input port.

    Attributes:
        who: what takes it, such as `the decoder`.
        axes: what each axis counts.
        lows, highs: inclusive; a high of -1 is no bound.
    """

    who: str
    axes: tuple[str, ...]
    lows: tuple[int, ...]
    highs: tuple[int, ...]

    @classmethod
    def of(cls, model: ov.CompiledModel, port: str | int, who: str, axes: Sequence[str]) -> PortBounds:
        """The bounds of an input, by its name or its number."""
        shape = model.input(port).get_partial_shape()
        return cls(who, tuple(axes), tuple(d.get_min_length() for d in shape), tuple(d.get_max_length() for d in shape))

    def high(self, axis: str) -> int:
        """The largest size of an axis, -1 without a bound."""
        return self.highs[self.axes.index(axis)]

    def require(self, shape: Sequence[int]) -> None:
        """Refuse a shape outside the bounds.

        Raises:
            OvwError: naming the axis, what was fed and what is allowed.
        """
        for axis, size, low, high in zip(self.axes, shape, self.lows, self.highs, strict=True):
            if size < low or (size > high and high >= 0):
                allowed = str(low) if low == high else f"{low}..{high if high >= 0 else ''}"
                hint = HINTS.get(axis, "ovw verify prints its shapes")
                raise OvwError(f"{self.who} of this artifact takes {axis} {allowed}, it was given {size}", hint)
