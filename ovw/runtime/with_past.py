"""Decoders in two graphs, for the first tokens and for those after a past, as one graph with states, in memory.

optimum-intel writes them with `--disable-stateful`. The second graph takes what is cached as inputs, which become
states: those of self attention are empty at first, those of cross attention are what the first graph projects from the
audio.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import openvino as ov
import openvino.opset15 as ops

from ovw.artifact.foreign import DECODER_XML, WITH_PAST, has_state, is_foreign
from ovw.artifact.ir_names import is_cache, is_cross, present_of
from ovw.artifact.port_names import BEAM_IDX, ENCODER_HIDDEN_STATES, INPUT_IDS, LOGITS
from ovw.errors import OvwError
from ovw.runtime.device import core
from ovw.runtime.graph_walk import make_state, named_parameter, replace

KNOWN = {INPUT_IDS, ENCODER_HIDDEN_STATES}


def read_decoder_ir(artifact: Path) -> ov.Model:
    """The decoder of a folder of the genai layout, with states.

    Raises:
        OvwError: two graphs that do not belong together.
    """
    if is_foreign(artifact) and not has_state(artifact):
        return _joined(artifact)
    return core().read_model(artifact / DECODER_XML)


def _joined(folder: Path) -> ov.Model:
    first, later = (core().read_model(folder / name) for name in (DECODER_XML, WITH_PAST))
    ports = {port.get_any_name(): port.get_node() for port in later.inputs}
    pasts = {name: node for name, node in ports.items() if is_cache(name)}
    _require(folder, bool(pasts) and ports.keys() - pasts.keys() <= KNOWN, "inputs that are tokens and caches")
    ids = ports[INPUT_IDS]
    _require(folder, ids.get_output_partial_shape(0).is_dynamic, "any number of tokens after a past")
    audio = first.input(ENCODER_HIDDEN_STATES).get_node()
    _forget_tokens(first, audio)
    beam_idx = named_parameter(BEAM_IDX, [-1], ov.Type.i32)
    rows = ops.gather(ops.shape_of(ids), [0], 0)
    sinks = []
    for name, past in pasts.items():
        present = present_of(name)
        source = first if is_cross(name) else later
        _require(folder, any(present in port.get_names() for port in source.outputs), f"an output {present}")
        value = source.output(present).get_node().input_value(0)
        initial = value if source is first else _nothing(past, rows).output(0)
        read, variable = make_state(name, past.get_output_partial_shape(0), past.get_output_element_type(0), initial)
        used = read if source is first else ops.gather(read, beam_idx, np.int64(0))
        replace(past, used.output(0))
        sinks.append(ops.assign(read if source is first else value.get_node(), variable))
    return ov.Model([later.output(LOGITS).get_node()], sinks, [ids, audio, beam_idx], "whisper_decoder")


def _forget_tokens(first: ov.Model, audio: ov.Node) -> None:
    """Have the projections of the audio count windows where they count rows of tokens, of which there may be more."""
    windows = ops.concat([ops.gather(ops.shape_of(audio), [0], 0), ops.constant(np.array([1]))], 0)
    counted = ops.broadcast(ops.constant(np.int64(0)), windows)
    replace(first.input(INPUT_IDS).get_node(), counted.output(0))


def _nothing(past: ov.Node, rows: ov.Node) -> ov.Node:
    """No positions yet, f32 [B, heads, 0, head_dim]."""
    heads, head_dim = (past.get_output_partial_shape(0)[axis].get_length() for axis in (1, 3))
    shape = ops.concat([rows, ops.constant(np.array([heads, 0, head_dim], np.int64))], 0)
    return ops.broadcast(ops.constant(np.float32(0)), shape)


def _require(folder: Path, condition: bool, what: str) -> None:
    if not condition:
        raise OvwError(f"{folder}: {WITH_PAST} needs {what}", "optimum-cli makes a decoder with a state by default")
