"""The graphs of each layout: files, ports, and the sizes that a manifest promises for their axes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ovw.artifact import names
from ovw.artifact.manifest import Shapes
from ovw.artifact.port_names import (
    AUDIO_FEATURES,
    BEAM_IDX,
    ENCODER_HIDDEN_STATES,
    INPUT_FEATURES,
    INPUT_IDS,
    LAST_HIDDEN_STATE,
    LOGITS,
    MEL,
    OUTPUT_FEATURES,
    TOKENS,
)
from ovw.models import Dims

Range = tuple[int, int]
ANY = (0, -1)


@dataclass(frozen=True)
class GraphSpec:
    """A graph file.

    Attributes:
        file: its name in the artifact.
        inputs: port -> the range of every axis, -1 for no upper bound.
        outputs: names of the ports.
        sizes: (port, axis) -> the range it must have, of inputs and outputs.
    """

    file: str
    inputs: Mapping[str, tuple[Range, ...]]
    outputs: tuple[str, ...]
    sizes: Mapping[tuple[str, int], Range]


def cache_names(dims: Dims) -> list[str]:
    """Every cache of a decoder, `k_0a v_0a k_0c v_0c k_1a ...` (`a` self, `c` cross): the order of the ports."""
    return [f"{part}_{layer}{kind}" for layer in range(dims.n_text_layer) for kind in "ac" for part in "kv"]


def own_names(dims: Dims) -> list[str]:
    """The self-attention caches in the order of the ports."""
    return [name for name in cache_names(dims) if name.endswith("a")]


def cross_names(dims: Dims) -> list[str]:
    """The cross-attention caches in the order of the ports."""
    return [name for name in cache_names(dims) if name.endswith("c")]


def _graph(file: str, inputs: dict[str, tuple[Range, ...]], outputs: tuple[str, ...], last: int) -> GraphSpec:
    """A graph whose first output ends in an axis of `last`."""
    sizes = {(port, axis): size for port, axes in inputs.items() for axis, size in enumerate(axes)}
    return GraphSpec(file, inputs, outputs, sizes | {(outputs[0], 2): (last, last)})


def _encoder(file: str, dims: Dims, shapes: Shapes) -> GraphSpec:
    axes = (_open(shapes, shapes.batch), (dims.n_mels, dims.n_mels), _open(shapes, shapes.frames))
    return _graph(file, {MEL: axes}, (OUTPUT_FEATURES,), dims.n_audio_state)


def whispercpp_graphs(model: str, dims: Dims, shapes: Shapes) -> list[GraphSpec]:
    """The encoder alone; the decoder is whisper.cpp's."""
    return [_encoder(f"{names.ggml_stem(model)}{names.GGML_ENCODER_ENDING}.xml", dims, shapes)]


def genai_graphs(model: str, dims: Dims, shapes: Shapes) -> list[GraphSpec]:
    """Encoder, and decoder with its cache inside."""
    windows, *state = _audio(dims, shapes)
    if shapes.kind == "bounded":  # openvino-genai gives both a batch of 0 when it is done with a window
        windows = (0, windows[1])
    mel = (windows, (dims.n_mels, dims.n_mels), _open(shapes, shapes.frames))
    encoder = _graph(f"{names.ENCODER}.xml", {INPUT_FEATURES: mel}, (LAST_HIDDEN_STATE,), dims.n_audio_state)
    batch = _open(shapes, shapes.batch)
    inputs = {
        INPUT_IDS: (batch, _open(shapes, shapes.tokens)),
        ENCODER_HIDDEN_STATES: (windows, *state),
        BEAM_IDX: (batch,),
    }
    return [encoder, _graph(f"{names.DECODER}.xml", inputs, (LOGITS,), dims.n_vocab)]


def stateless_graphs(model: str, dims: Dims, shapes: Shapes) -> list[GraphSpec]:
    """Encoder, with static shapes the projections of the audio, and decoder with its caches in ports."""
    encoder = _encoder(f"{names.STATELESS_ENCODER}.xml", dims, shapes)
    width = (dims.n_text_state, dims.n_text_state)
    batch, audio = _open(shapes, shapes.batch), _audio(dims, shapes)
    own = (batch, _open(shapes, shapes.cache), width)
    tokens = {TOKENS: (batch, _open(shapes, shapes.tokens))}
    if shapes.kind == "static":
        audio_input = {AUDIO_FEATURES: audio}
        projected = tuple(f"out_{name}" for name in cross_names(dims))
        cross = _graph(f"{names.STATELESS_CROSS}.xml", audio_input, projected, dims.n_text_state)
        inputs = {**tokens, "length": ((1, 1),), **_caches(dims, own, audio)}
        outputs = tuple(f"out_{name}" for name in own_names(dims))
        return [encoder, cross, _graph(f"{names.STATELESS_DECODER}.xml", inputs, (LOGITS, *outputs), dims.n_vocab)]
    known = (audio[0], (0, audio[1][1]), width)
    inputs = {**tokens, AUDIO_FEATURES: audio, **_caches(dims, own, known)}
    outputs = tuple(f"out_{name}" for name in cache_names(dims))
    return [encoder, _graph(f"{names.STATELESS_DECODER}.xml", inputs, (LOGITS, *outputs), dims.n_vocab)]


def _caches(dims: Dims, own: tuple[Range, ...], cross: tuple[Range, ...]) -> dict[str, tuple[Range, ...]]:
    return {f"in_{name}": own if name.endswith("a") else cross for name in cache_names(dims)}


def onnx_graphs(model: str, dims: Dims, shapes: Shapes) -> list[GraphSpec]:
    """Encoder, projections of the audio, and decoder with its caches in ports."""
    encoder = _encoder(names.ONNX_ENCODER, dims, shapes)
    heads = (dims.n_text_head, dims.n_text_head)
    head_dim = (dims.n_text_state // dims.n_text_head,) * 2
    state = (dims.n_audio_state, dims.n_audio_state)
    cross_outputs = tuple(f"out_{name}" for name in cross_names(dims))
    cross = GraphSpec(
        names.ONNX_CROSS, {AUDIO_FEATURES: (ANY, ANY, state)}, cross_outputs, {(AUDIO_FEATURES, 2): state}
    )
    caches = _caches(dims, *2 * ((ANY, heads, ANY, head_dim),))
    outputs = (LOGITS, *(f"out_{name}" for name in own_names(dims)))
    return [encoder, cross, _graph(names.ONNX_DECODER, {TOKENS: (ANY, ANY), **caches}, outputs, dims.n_vocab)]


def _audio(dims: Dims, shapes: Shapes) -> tuple[Range, ...]:
    """Hidden states [A, S, state]: two frames make one position."""
    positions = ((shapes.frames[0] + 1) // 2, (shapes.frames[1] + 1) // 2)
    # rows may share audio, so any number of windows up to the batch; a static batch has one window a row
    windows = shapes.batch if shapes.kind == "static" else (1, shapes.batch[1])
    return _open(shapes, windows), _open(shapes, positions), (dims.n_audio_state, dims.n_audio_state)


def _open(shapes: Shapes, ends: Range | None) -> Range:
    """A range as it stands in the ports: dynamic graphs leave it open."""
    return ANY if shapes.kind == "dynamic" or ends is None else ends
