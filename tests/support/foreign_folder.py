"""Folders as another program leaves them: without a manifest, and with graphs in the form of optimum-intel's exports."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import openvino as ov
import openvino.opset15 as ops
from openvino.op.util import VariableInfo

from ovw.convert.plan import Converted

ENCODER, DECODER = "openvino_encoder_model", "openvino_decoder_model"


def foreign_copy(made: Converted, folder: Path) -> Path:
    """An artifact without its manifest."""
    shutil.copytree(made.folder, folder)
    (folder / "manifest.json").unlink()
    return folder


def traced_copy(made: Converted, folder: Path) -> Path:
    """One whose graphs look traced: other names, a fixed number of frames, a window for each row."""
    foreign_copy(made, folder)
    dims = made.manifest.dimensions()
    edit(folder / f"{ENCODER}.xml", lambda model: as_traced_encoder(model, dims.n_mels, dims.n_frames))
    edit(folder / f"{DECODER}.xml", as_traced_decoder)
    return folder


def two_graph_copy(made: Converted, folder: Path) -> Path:
    """One whose decoder is two graphs without a state: for the first tokens, and for those after a past."""
    foreign_copy(made, folder)
    path = folder / f"{DECODER}.xml"
    for name, later in (("openvino_decoder_with_past_model", True), (DECODER, False)):
        model = _without_state(ov.Core().read_model(path), later=later)
        ov.save_model(model, folder / "changed.xml", compress_to_fp16=False)
        for ending in ("xml", "bin"):
            (folder / f"changed.{ending}").replace(folder / f"{name}.{ending}")
    return folder


def _without_state(model: ov.Model, *, later: bool) -> ov.Model:
    one_window_a_row(model)
    ids, audio = (model.input(name).get_node() for name in ("input_ids", "encoder_hidden_states"))
    pasts, results = [], [model.output("logits").get_node()]
    for read in [op for op in model.get_ordered_ops() if op.get_type_name() == "ReadValue"]:
        name = read.get_attributes()["variable_id"]
        kept = ".encoder." in name
        cached = read if kept else user_of(read, "Gather")
        if later:
            past = ops.parameter(read.get_output_partial_shape(0), np.float32, name=name)
            past.output(0).set_names({name})
            pasts.append(past)
        before = past.output(0) if later else read.input_value(0)
        replace(cached, before)
        grown = before if kept else user_of(before.get_node(), "Concat").output(0)
        if not (kept and later):
            result = ops.result(grown)
            result.output(0).set_names({name.replace("past_key_values", "present")})
            results.append(result)
    return ov.Model(results, [ids, *(pasts if later else [audio])], "decoder")


def edit(path: Path, change: object) -> None:
    """Change a graph on disk."""
    model = ov.Core().read_model(path)
    change(model)  # type: ignore[operator]
    model.validate_nodes_and_infer_types()
    ov.save_model(model, path.with_name("changed.xml"), compress_to_fp16=False)
    del model
    for ending in ("xml", "bin"):
        path.with_name(f"changed.{ending}").replace(path.with_suffix(f".{ending}"))


def as_traced_encoder(model: ov.Model, n_mels: int, n_frames: int) -> None:
    model.reshape(ov.PartialShape([-1, n_mels, n_frames]))
    for node in model.get_ordered_ops():
        shape = node.get_output_partial_shape(0) if node.get_output_size() else None
        if node.get_type_name() == "Reshape" and shape.rank.get_length() > 2:
            pattern = node.input_value(1).get_node().get_data().copy()
            pattern[1] = shape[1].get_length()
            node.input(1).replace_source_output(ops.constant(pattern).output(0))
        if node.get_type_name() == "Slice":
            table = node.input_value(0).get_node()
            stored = table.input_value(0).get_node() if table.get_type_name() == "Convert" else table
            replace(node, ops.constant(stored.get_data()[None].astype(np.float32)).output(0))
    rename(model)


def as_traced_decoder(model: ov.Model) -> None:
    one_window_a_row(model)
    for number, variable in enumerate(sorted(model.get_variables(), key=lambda one: one.info.variable_id)):
        info = VariableInfo()
        info.data_shape, info.data_type = variable.info.data_shape, variable.info.data_type
        info.variable_id = str(1000 - number)  # another order
        variable.update(info)
    rename(model)


def one_window_a_row(model: ov.Model) -> None:
    for node in [op for op in model.get_ops() if op.get_friendly_name().endswith(".encoder_attn")]:
        split = node.input_value(0).get_node()
        while split.get_type_name() != "Reshape":  # above the scale and the transpose
            split = split.input_value(0).get_node()
        heads, head_dim = (node.get_input_partial_shape(1)[axis].get_length() for axis in (1, 3))
        rows = ops.reshape(split.input_value(0), np.array([0, 0, heads, head_dim]), special_zero=True)
        replace(split, rows.output(0))


def rename(model: ov.Model) -> None:
    ports = {port.get_node().get_name() for port in (*model.inputs, *model.outputs)}
    for number, node in enumerate(model.get_ops()):
        if node.get_name() not in ports:
            node.set_friendly_name(f"aten::{node.get_type_name().lower()}_{number}")


def user_of(node: ov.Node, kind: str) -> ov.Node:
    return next(use.get_node() for use in node.output(0).get_target_inputs() if use.get_node().get_type_name() == kind)


def replace(old: ov.Node, new: ov.Output) -> None:
    for use in old.output(0).get_target_inputs():
        use.replace_source_output(new)
