"""Compress graphs with NNCF by a recipe."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from io import StringIO

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from rich import get_console

from ovw.convert.compression.recipe import GraphRecipe, Recipe
from ovw.scratch import scratch_folder

Mel = NDArray[np.float32]


class Compressor:
    """Compresses the graphs of one model.

    Args:
        recipe: what to do.
        windows: log-mels [1, n_mels, frames] to calibrate with, where the recipe needs them.
    """

    def __init__(self, recipe: Recipe, windows: Sequence[Mel] = ()) -> None:
        self.recipe, self._windows = recipe, windows
        self._encoder: ov.Model | None = None

    def encoder(self, model: ov.Model) -> ov.Model:
        """The encoder, compressed; the same graph for every layout, calibrated once."""
        if self._encoder is None:
            self._encoder = compress(model, self.recipe.encoder, self._windows)
        return self._encoder.clone()

    def decoder(self, model: ov.Model) -> ov.Model:
        """A graph of the decoder, compressed."""
        return compress(model, self.recipe.decoder)


def compress(model: ov.Model, recipe: GraphRecipe, windows: Sequence[Mel] = ()) -> ov.Model:
    """A graph with compressed weights or, with `activations`, computing in int8.

    Args:
        model: in f32.
        recipe: what to do.
        windows: inputs of the graph to find the ranges of activations with.
    """
    half = _halved(model)
    with _quiet():
        return _quantized(half, recipe, windows) if recipe.activations else _light(half, recipe)


def _halved(model: ov.Model) -> ov.Model:
    """A graph with f16 constants: OpenVINO does not make them of a graph that holds compressed ones."""
    core = ov.Core()
    core.set_property({"ENABLE_MMAP": False})  # the file goes away
    with scratch_folder() as scratch:
        path = scratch / "half.xml"
        ov.save_model(model, path, compress_to_fp16=True)
        return core.read_model(path)


def _light(model: ov.Model, recipe: GraphRecipe) -> ov.Model:
    """Weights stored in few bits, brought back to floating point where they are used. Needs no data."""
    import nncf

    mode = nncf.CompressWeightsMode
    ignored = nncf.IgnoredScope(patterns=list(recipe.keep), validate=False)
    if recipe.weights == "int8":
        return nncf.compress_weights(model, mode=mode.INT8_ASYM, ignored_scope=ignored)
    return nncf.compress_weights(
        model, mode=mode.INT4_ASYM, group_size=recipe.group_size, ratio=recipe.ratio, ignored_scope=ignored
    )


def _quantized(model: ov.Model, recipe: GraphRecipe, windows: Sequence[Mel]) -> ov.Model:
    """Weights and activations in int8.

    Activations get a zero point (the preset `MIXED`): what GELU gives is hardly ever below zero, and half of a
    symmetric range would go unused. Their range is the widest of any window: the few large values carry the words.
    """
    import nncf
    from nncf.quantization.range_estimator import RangeEstimatorParametersSet

    alpha = -1 if recipe.smooth_quant is None else recipe.smooth_quant
    return nncf.quantize(
        model,
        nncf.Dataset(list(windows)),
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(windows),
        model_type=nncf.ModelType.TRANSFORMER,
        ignored_scope=nncf.IgnoredScope(
            patterns=list(recipe.keep),
            types=[] if recipe.attention else ["ScaledDotProductAttention"],
            validate=False,
        ),
        advanced_parameters=nncf.AdvancedQuantizationParameters(
            activations_range_estimator_params=RangeEstimatorParametersSet.MINMAX,
            smooth_quant_alphas=nncf.AdvancedSmoothQuantParameters(matmul=alpha, convolution=-1),
        ),
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep NNCF's log lines and bars, which go to the output, off it; its logger's handlers may be others' too.

    In a notebook its bars would be widgets, which no redirection holds back.
    """
    from nncf.common.logging import nncf_logger

    level, console = nncf_logger.level, get_console()
    nncf_logger.setLevel(logging.ERROR)
    in_notebook, console.is_jupyter = console.is_jupyter, False
    try:
        with redirect_stdout(StringIO()):
            yield
    finally:
        nncf_logger.setLevel(level)
        console.is_jupyter = in_notebook
