"""Every size that ovw knows, at true dimensions with random weights."""

import json
import shutil
from pathlib import Path

import openvino as ov
import pytest
from support.tiny_whisper import ROOT, convert_one

from ovw.artifact import names
from ovw.config import resolve
from ovw.convert.config import ConvertConfig
from ovw.models import find_size, sizes


@pytest.mark.slow
@pytest.mark.parametrize("size", sizes())
def test_a_size_is_equal_to_pytorch(tmp_path: Path, size: str) -> None:
    flags = {"size": size, "output": tmp_path / "out"}
    made = convert_one(resolve(ConvertConfig, flags, ROOT / "configs" / "convert" / "all-sizes.yaml"))
    try:
        dims, parity = find_size(size).dims, made.manifest.parity
        assert parity.encoder_relative_l2 <= 1e-5
        assert parity.worst_logits <= 1e-3
        assert parity.greedy_tokens_equal
        assert made.manifest.dimensions() == dims
        assert mels_of(made.folder) == [dims.n_mels] * 3
    finally:
        shutil.rmtree(made.folder)  # pytest would keep them all


def mels_of(folder: Path) -> list[int]:
    """What the configs and the encoder's input say."""
    config = json.loads((folder / names.CONFIG).read_text())["num_mel_bins"]
    preprocessor = json.loads((folder / names.PREPROCESSOR_CONFIG).read_text())["feature_size"]
    port = ov.Core().read_model(folder / f"{names.ENCODER}.xml").input("input_features")
    return [config, preprocessor, port.get_partial_shape()[1].get_length()]
