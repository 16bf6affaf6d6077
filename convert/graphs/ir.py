"""Write OpenVINO IR."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import openvino as ov

from ovw.artifact.ir_names import KV_CACHE_PRECISION
from ovw.artifact.precisions import precision_row


def save_ir(model: ov.Model, path: Path, precision: str, metadata: dict[str, str]) -> None:
    """Write an IR with its provenance; f32 constants are stored as f16 if the precision does so."""
    for key, value in metadata.items():
        model.set_rt_info(value, ["ovw", key])
    # the CPU plugin would otherwise keep the cache in 8 bits, and lose words
    model.set_rt_info("f16", list(KV_CACHE_PRECISION))
    ov.save_model(model, path, compress_to_fp16=precision_row(precision).stores_f16)


def name_ports(model: ov.Model, inputs: Sequence[str], outputs: Sequence[str]) -> None:
    """Call a graph's ports, in their order, by these names."""
    for port, name in zip((*model.inputs, *model.outputs), (*inputs, *outputs), strict=True):
        port.get_tensor().set_names({name})
        port.get_node().set_friendly_name(name)
