"""Recipes of compression: one by precision and size, read from `configs/recipes.yaml`."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import Field, model_validator

from ovw.config import Config, build
from ovw.parsing import own_yaml


class GraphRecipe(Config):
    """The recipe of one half of a model."""

    weights: Literal["int8", "int4"] = "int8"
    """The type of the stored weights."""
    group_size: Literal[-1, 32, 64, 128, 256] = -1
    """int4: weights that share a scale; -1 for a whole row."""
    ratio: float = Field(default=1.0, gt=0, le=1)
    """int4: the share of the weights that is stored so; the rest is int8."""
    activations: Literal["int8"] | None = None
    """Products are computed in int8 too, with ranges found on calibration speech."""
    smooth_quant: float | None = Field(default=None, ge=0, le=1)
    """The share of the activations' spread that is moved into the weights (Xiao et al., 2022, alpha)."""
    attention: bool = True
    """Whether queries and keys of attention are multiplied in int8 too; its other product stays in floating point."""
    keep: tuple[str, ...] = ()
    """Patterns of names of operations that stay in floating point."""

    @model_validator(mode="after")
    def _check(self) -> GraphRecipe:
        if self.activations and self.weights != "int8":
            raise ValueError("int8 activations go with int8 weights")
        for pattern in self.keep:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"keep: {pattern!r} is no regular expression: {error}") from None
        return self


class Recipe(Config):
    """The recipe of a model."""

    encoder: GraphRecipe
    decoder: GraphRecipe
    windows: int = Field(default=64, ge=1)
    """Windows of calibration speech, where a half computes in int8."""

    @model_validator(mode="after")
    def _check(self) -> Recipe:
        if self.decoder.activations:
            raise ValueError("a decoder's activations stay in floating point: it waits for weights, not for products")
        return self

    @property
    def calibrated(self) -> bool:
        """Whether it needs speech."""
        return self.encoder.activations is not None

    def describe(self) -> dict[str, Any]:
        """For the manifest: what differs from plain settings."""
        return self.model_dump(mode="json", exclude_defaults=True)


def recipe_for(precision: str, size: str | None) -> Recipe | None:
    """The recipe of a precision for a size, or for a model of no known size.

    Returns:
        The recipe; `None` for fp32 and fp16, which compress nothing.
    """
    known: dict[str, dict[str, Any]] | None = own_yaml("recipes.yaml").get(precision)
    return build(Recipe, known.get(size or "", known["default"]), " in recipes.yaml") if known else None
