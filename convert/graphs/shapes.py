"""Shape bounds: what is asked for, what follows from the dimensions, and how a graph is given them."""

from __future__ import annotations

import re
from typing import Annotated, Any

import openvino as ov
from pydantic import BeforeValidator, PlainSerializer

from ovw.artifact.graphs import ANY, GraphSpec
from ovw.artifact.layouts import LayoutRow, layout_row
from ovw.artifact.manifest import Shapes, show_range
from ovw.choices import KindOfShapes
from ovw.config import Config
from ovw.errors import UsageError
from ovw.models import Dims

AXES = ("batch", "tokens", "cache", "frames")
DEFAULT_BATCH = 5
"""Beams, in openai/whisper's command line and in the papers."""
LARGEST_BATCH = 1 << 16
LOWEST = {"batch": 1, "tokens": 1, "cache": 0, "frames": 1}
SMALLEST_CACHE = 16
"""Room for a prompt and what the parity gate feeds after it."""
RANGE = re.compile(r"(\d+)(?:(?:\.\.|:)(\d+))?")


def parse_range(value: Any) -> Any:
    """`1..5`, `1:5` or `4` as inclusive (lowest, highest)."""
    match = RANGE.fullmatch(str(value).strip()) if isinstance(value, str | int) else None
    if match:
        low, high = int(match[1]), int(match[2] or match[1])
    elif isinstance(value, list | tuple) and len(value) == 2 and all(isinstance(end, int) for end in value):
        low, high = value
    else:
        raise ValueError("write a range such as 1..5, or one number")
    if low > high:
        raise ValueError(f"the range runs backwards, write {high}..{low}")
    return low, high


Range = Annotated[
    tuple[int, int],
    BeforeValidator(parse_range),
    PlainSerializer(lambda ends: show_range(*ends), return_type=str),
]


class Bounds(Config):
    """Requested sizes of the graphs; those not given follow from the model's dimensions."""

    shapes: KindOfShapes = "dynamic"
    """`dynamic`; `bounded`, the bounds written into the ports; or `static`, one shape."""
    batch: Range | None = None
    """Rows: windows of the encoder, hypotheses of the decoder."""
    tokens: Range | None = None
    """Tokens that a call of the decoder takes."""
    cache: Range | None = None
    """Positions in the self-attention cache, where it is an input."""
    frames: Range | None = None
    """Mel frames of a window, 100 a second."""

    def check(self) -> None:
        """Refuse bounds that do not go with the kind of shapes.

        Raises:
            UsageError: bounds for dynamic shapes, or a range for static ones.
        """
        given = {axis: ends for axis in AXES if (ends := getattr(self, axis)) is not None}
        if self.shapes == "dynamic" and given:
            axis, ends = next(iter(given.items()))
            raise UsageError(f"{axis} {show_range(*ends)} has no place in dynamic shapes", "add --shapes bounded")
        if self.shapes == "static":
            for axis, (low, high) in given.items():
                if low != high:
                    raise UsageError(
                        f"{axis} {show_range(low, high)} is a range, static shapes have one size",
                        f"give one number, such as --{axis} {high}, or --shapes bounded",
                    )

    def resolve(self, dims: Dims, layout: str) -> Shapes:
        """The shapes of an artifact.

        Raises:
            UsageError: beyond what the model has positions for, or beyond what the layout can express.
        """
        self.check()
        highest = {"batch": -1, "tokens": dims.n_text_ctx, "cache": dims.n_text_ctx, "frames": dims.n_frames}
        for axis, most in (highest | {"batch": LARGEST_BATCH}).items():
            ends = getattr(self, axis)
            if ends and (ends[0] < LOWEST[axis] or most < ends[1]):
                allowed = show_range(LOWEST[axis], most)
                raise UsageError(f"{axis} {show_range(*ends)}: this model takes {allowed}", f"stay within {allowed}")
        if self.cache and self.cache[1] < SMALLEST_CACHE:
            raise UsageError(
                f"a cache of {self.cache[1]} holds no prompt and text", f"--cache {SMALLEST_CACHE} at least"
            )
        row = layout_row(layout)
        if row.shapes == ("dynamic",) and self.shapes != "dynamic":
            raise UsageError(f"the {layout} layout has no {self.shapes} shapes", "leave --shapes out, or the layout")
        if self.shapes == "static" or row.shapes == ("static",):
            return self._static(dims, row)
        full = {axis: (LOWEST[axis], highest[axis]) for axis in AXES}
        if self.shapes == "bounded":
            full |= {"batch": (1, DEFAULT_BATCH)} | {axis: ends for axis in AXES if (ends := getattr(self, axis))}
        if row.cache == "inside":  # it grows as far as there are positions
            full["cache"] = (0, dims.n_text_ctx)
        return Shapes(kind=self.shapes, **full)

    def _static(self, dims: Dims, row: LayoutRow) -> Shapes:
        def one(axis: str, default: int) -> tuple[int, int]:
            low, high = getattr(self, axis) or (default, default)
            return (low, high) if low == high else (default, default)

        frames = one("frames", dims.n_frames)
        if frames[0] % 2:
            raise UsageError(f"frames {frames[0]} is odd, two make one position", f"--frames {frames[0] + 1}")
        if not row.decodes:
            return Shapes(kind="static", batch=(1, 1), tokens=None, cache=None, frames=frames)
        tokens, cache = one("tokens", 1), one("cache", dims.n_text_ctx)
        if row.cache == "inside":  # a prompt and the tokens after it are fed to the same graph
            tokens, cache = (1, self.tokens[1] if self.tokens else dims.n_text_ctx), (0, dims.n_text_ctx)
        if row.cache == "ports" and cache[0] < tokens[0]:
            raise UsageError(f"a cache of {cache[0]} cannot hold {tokens[0]} tokens", f"--cache {dims.n_text_ctx}")
        return Shapes(kind="static", batch=one("batch", 1), tokens=tokens, cache=cache, frames=frames)


def apply_shapes(model: ov.Model, graph: GraphSpec) -> ov.Model:
    """Give a graph's inputs the shapes they shall have."""
    model.reshape({port: ov.PartialShape([_dimension(*ends) for ends in axes]) for port, axes in graph.inputs.items()})
    return model


def _dimension(low: int, high: int) -> ov.Dimension:
    return ov.Dimension(-1) if (low, high) == ANY else ov.Dimension(low, high)
