"""Graphs of other programs in the fast path: found by their form, computing the same, or left alone."""

from pathlib import Path

import numpy as np
import openvino as ov
import openvino.opset15 as ops
import pytest
from support.foreign_folder import DECODER, ENCODER, edit, foreign_copy, traced_copy, two_graph_copy
from support.tiny_whisper import DEMO_VIDEO, TINY, TINY_V3

from ovw import Whisper
from ovw.convert.plan import Converted
from ovw.errors import UsageError
from ovw.runtime.aligner import add_scores, align
from ovw.runtime.device import EXACT
from ovw.runtime.fast.adapt import adapt_encoder, is_adaptable, read_decoder, read_encoder
from ovw.runtime.fast.decoder import FastDecoder
from ovw.runtime.fast.encoder import FastEncoder
from ovw.runtime.graph_walk import UnknownGraphError
from ovw.transcribe.model_sessions import FastModelSessions, ModelSessions


@pytest.fixture(scope="module")
def traced(tiny: Converted, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return traced_copy(tiny, tmp_path_factory.mktemp("traced") / "export")


def test_the_form_is_another_program(traced: Path) -> None:
    """Nothing of ours is left in the names, and the encoder takes whole windows only."""
    for part in (ENCODER, DECODER):
        graph = (traced / f"{part}.xml").read_text(encoding="utf-8")
        assert "attn" not in graph
        assert "past_key_values" not in graph
    encoder = ov.Core().read_model(traced / f"{ENCODER}.xml")
    assert encoder.input(0).get_partial_shape()[2].is_static
    assert encoder.output(0).get_partial_shape()[1].is_static


@pytest.fixture(scope="module")
def two_graphs(tiny: Converted, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return two_graph_copy(tiny, tmp_path_factory.mktemp("two") / "export")


@pytest.mark.parametrize(("form", "merge"), [("traced", False), ("traced", True), ("two_graphs", False)])
def test_the_fast_graphs_compute_the_same(
    tiny: Converted, form: str, merge: bool, request: pytest.FixtureRequest
) -> None:
    folders = (tiny.folder, request.getfixturevalue(form))
    dims = tiny.manifest.dimensions()
    rng = np.random.default_rng(3)
    mels = [rng.standard_normal((1, dims.n_mels, dims.n_frames)).astype(np.float32) * 0.3 for _ in range(2)]
    found = []
    for folder in folders:
        encoder, decoder = FastEncoder(folder, EXACT, dims), FastDecoder(folder, EXACT)
        windows = encoder(mels, merge=merge)
        decoder.start(windows)
        calls = (
            (np.array([[11, 12, 13], [11, 12, 14]]), np.arange(2, dtype=np.int32)),
            (np.array([[5], [6], [7], [8]]), np.array([0, 0, 1, 1], np.int32)),
            (np.array([[9], [10], [11], [12]]), np.array([1, 0, 2, 2], np.int32)),
        )
        logits = [decoder.step(*call).copy() for call in calls]
        norms = decoder.head_norms()
        scoring = FastDecoder(folder, EXACT, lambda model: add_scores(model, [(0, 0), (1, 1)]))
        _, scores = align(scoring, windows[0], [11, 12, 13])
        found.append([*logits, scores.copy(), *(norms[name] for name in sorted(norms))])
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(theirs, ours, atol=1e-4)


def test_words_and_the_runner(base: Converted, tmp_path: Path) -> None:
    folder = traced_copy(base, tmp_path / "export")
    for exact in (False, True):
        own, other = (Whisper(one, exact=exact) for one in (base.folder, folder))
        expected, found = (
            one.transcribe(DEMO_VIDEO, language="en", beam_size=2, word_timestamps=True).segments
            for one in (own, other)
        )
        assert type(other._sessions) is (ModelSessions if exact else FastModelSessions)
        assert [one.text for one in found] == [one.text for one in expected]
        times = [[(word.start, word.end) for one in segments for word in one.words] for segments in (expected, found)]
        np.testing.assert_allclose(times[1], times[0], atol=0.021)
    assert other.approximations == []


def test_an_artifact_without_its_manifest(tiny: Converted, tmp_path: Path) -> None:
    assert is_adaptable(foreign_copy(tiny, tmp_path / "export"))


def shared_mask(model: ov.Model) -> None:
    """An encoder with a mask."""
    node = next(op for op in model.get_ops() if op.get_type_name() == "ScaledDotProductAttention")
    node.input(3).replace_source_output(ops.constant(np.float32(-1)).output(0))


def scaled(model: ov.Model) -> None:
    node = next(op for op in model.get_ops() if op.get_type_name() == "ScaledDotProductAttention")
    node.input(4).replace_source_output(ops.constant(np.float32(0.125)).output(0))


def scaled_cross(model: ov.Model) -> None:
    cross_attention(model).input(4).replace_source_output(ops.constant(np.float32(0.125)).output(0))


def cross_attention(model: ov.Model) -> ov.Node:
    nodes = [op for op in model.get_ops() if op.get_type_name() == "ScaledDotProductAttention"]
    return next(op for op in nodes if op.input_value(1).get_node().get_type_name() == "ReadValue")


def audio_elsewhere(model: ov.Model) -> None:
    """Logits that depend on the audio directly."""
    audio = model.input("encoder_hidden_states").get_node()
    logits = model.output("logits").get_node()
    loudest = ops.reduce_max(audio, [0, 1, 2], keep_dims=False)
    hidden = logits.input_value(0).get_node()
    hidden.input(0).replace_source_output(ops.add(hidden.input_value(0), loudest).output(0))


def reordered_audio(model: ov.Model) -> None:
    """Cross attention over keys that follow the beams."""
    node = cross_attention(model)
    beams = model.input("beam_idx").get_node()
    node.input(1).replace_source_output(ops.gather(node.input_value(1), beams, np.int64(0)).output(0))


def biased_logits(model: ov.Model) -> None:
    result = model.output("logits").get_node()
    result.input(0).replace_source_output(ops.add(result.input_value(0), np.float32(1)).output(0))


@pytest.mark.parametrize(
    ("part", "change"),
    [(ENCODER, shared_mask), (ENCODER, scaled), (DECODER, audio_elsewhere), (DECODER, reordered_audio),
     (DECODER, biased_logits), (DECODER, scaled_cross)],
)  # fmt: skip
def test_another_form_is_left_alone(tiny: Converted, tmp_path: Path, part: str, change: object) -> None:
    folder = traced_copy(tiny, tmp_path / "export")
    edit(folder / f"{part}.xml", change)
    assert not is_adaptable(folder)
    with pytest.raises(UnknownGraphError, match=f"^{part.split('_')[1]}.* expected"):
        (read_encoder if part == ENCODER else read_decoder)(folder)


def test_what_is_left_alone_runs_its_own_graphs(
    tiny: Converted, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = traced_copy(tiny, tmp_path / "export")
    edit(folder / f"{ENCODER}.xml", shared_mask)
    whisper = Whisper(folder)
    assert type(whisper._sessions) is ModelSessions
    assert not caplog.records, "nothing is wrong with it"
    with pytest.raises(UsageError, match="cannot time words"):
        whisper.transcribe(DEMO_VIDEO, word_timestamps=True)


@pytest.mark.parametrize("dims", [TINY, TINY_V3])
def test_what_transformers_traces(dims: object) -> None:
    """The encoder that optimum-intel converts."""
    import warnings

    import torch
    from support.huggingface_folder import hf_config
    from transformers import WhisperConfig, WhisperModel

    config = WhisperConfig(**{**hf_config(dims), "_attn_implementation": "sdpa"})
    encoder = WhisperModel(config).eval().get_encoder()
    for weight in encoder.parameters():
        torch.nn.init.uniform_(weight)  # a scale of ones would be left out
    mel = torch.zeros(1, dims.n_mels, dims.n_frames)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the tracer
        model = ov.convert_model(encoder, example_input=mel, input=ov.PartialShape([-1, dims.n_mels, dims.n_frames]))
    adapt_encoder(model)
    model.reshape(ov.PartialShape([1, dims.n_mels, -1]))
    assert model.output(0).get_partial_shape()[1].is_dynamic
