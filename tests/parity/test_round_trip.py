"""The same weights through every format are the same artifact; fine-tunes are artifacts like any other."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.ggml_file import save_ggml
from support.huggingface_folder import save_hf, with_more_words
from support.tiny_whisper import SELFTEST_CLIP, TINY, convert_one, save_pt

from ovw import Whisper
from ovw.artifact import names
from ovw.artifact.check import find_problems
from ovw.convert import builder
from ovw.convert.config import ConvertConfig
from ovw.convert.layouts.ggml import write_ggml
from ovw.convert.plan import Converted
from ovw.convert.sources.random import random_checkpoint
from ovw.convert.sources.resolve import load_checkpoint
from ovw.models import Dims, find_size
from ovw.transcribe.selftest import find_golden_problems


@pytest.mark.weights
@pytest.mark.parametrize("form", ["pt", "huggingface", "ggml"])
def test_base_is_the_same_through_every_format(
    tmp_path: Path, base: Converted, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # of graphs that are the same to the byte, as is seen below
    monkeypatch.setattr(builder, "measure_arithmetic", lambda *args, **kwargs: base.manifest.arithmetic)
    wheel = load_checkpoint(find_size("base"), None, offline=True)
    if form == "pt":
        weights = save_pt(tmp_path / "mine.pt", wheel.dims, dict(wheel.tensors))
    elif form == "huggingface":
        weights = save_hf(tmp_path / "mine", wheel, generation={"alignment_heads": list(wheel.alignment_heads)})
    else:
        weights = tmp_path / "mine.bin"
        write_ggml(weights, wheel)
    made = convert_one(ConvertConfig(weights=str(weights), output=tmp_path / "artifact"))
    ours, theirs = made.manifest, base.manifest
    assert ours.source.kind == {"pt": "openai"}.get(form, form)
    assert ours.source.tensors_sha256 == theirs.source.tensors_sha256
    for stem in (names.ENCODER, names.DECODER):
        assert ours.files[f"{stem}.bin"] == theirs.files[f"{stem}.bin"]
    assert ours.files[names.TOKENIZER] == theirs.files[names.TOKENIZER]
    assert ours.golden == theirs.golden
    # the hash of the tensors tells that it is OpenAI's base, whatever it is called
    assert ours.alignment_heads == theirs.alignment_heads
    assert ours.languages == theirs.languages


def test_ggml_with_weights_that_f16_does_not_hold(tmp_path: Path) -> None:
    made = random_checkpoint(TINY)
    wide = {name: tensor.astype(np.float32) * np.float32(1.0003) for name, tensor in made.tensors.items()}
    path = save_ggml(tmp_path / "a.bin", replace(made, tensors=wide), "f32")
    artifact = convert_one(ConvertConfig(weights=str(path), precision="fp32", output=tmp_path / "artifact"))
    assert artifact.manifest.parity.tolerance_encoder == 1e-5
    assert artifact.manifest.source.kind == "ggml"


def test_a_fine_tune_with_words_of_its_own(tmp_path: Path) -> None:
    dims = Dims(**TINY.as_dict() | {"n_vocab": TINY.n_vocab + 2})
    given = with_more_words(TINY, ["covfefe", "hamberder"])
    folder = save_hf(
        tmp_path / "mine", random_checkpoint(dims), tokenizer_json=given, generation={"is_multilingual": True}
    )
    made = convert_one(ConvertConfig(weights=str(folder), output=tmp_path / "artifact"))
    assert find_problems(made.folder) == []
    assert find_golden_problems(made.folder) == []
    assert made.manifest.alignment_heads is None
    assert len(made.manifest.languages) == 99
    assert json.loads((made.folder / names.CONFIG).read_text())["vocab_size"] == 51867
    whisper = Whisper(made.folder)
    found = whisper.transcribe(
        SELFTEST_CLIP, language="de", temperature=(0.0,), max_new_tokens=12, no_speech_threshold=1
    )
    assert all(0 <= segment.start <= segment.end <= 30 for segment in found)


def test_distilled_shapes_and_english_fine_tunes(tmp_path: Path) -> None:
    dims = Dims(**TINY.as_dict() | {"n_vocab": 51865, "n_audio_layer": 3, "n_text_layer": 1})
    given = with_more_words(Dims(**TINY.as_dict() | {"n_vocab": 51864}), ["covfefe"])
    folder = save_hf(tmp_path / "mine", random_checkpoint(dims), tokenizer_json=given)
    made = convert_one(ConvertConfig(weights=str(folder), output=tmp_path / "artifact"))
    assert made.manifest.languages == ["en"]
    assert not made.manifest.translate
    assert made.manifest.golden.prompt == [50257, 50362]
    assert find_problems(made.folder) == []
    assert find_golden_problems(made.folder) == []
    segments = list(Whisper(made.folder).transcribe(SELFTEST_CLIP, temperature=(0.0,), max_new_tokens=8))
    assert all(segment.end <= 30 for segment in segments)
