"""Every layout, shape and frontend: equal to PyTorch, as its contract says, and honest about its bounds."""

import shutil
from itertools import product
from pathlib import Path

import numpy as np
import openvino as ov
import pytest
from support.odd_media import speech
from support.tiny_whisper import DEMO_VIDEO, SELFTEST_CLIP, TINY, TINY_V3, convert_one, save_pt, tiny_once

from ovw import Whisper
from ovw.artifact import names
from ovw.artifact.check import find_problems
from ovw.artifact.layouts import LAYOUTS, encoder_file
from ovw.artifact.manifest import read_manifest, write_manifest
from ovw.convert import pipeline
from ovw.convert.config import ConvertConfig
from ovw.convert.graphs.shapes import Bounds
from ovw.convert.layouts import whispercpp
from ovw.convert.pipeline import convert
from ovw.convert.plan import Converted
from ovw.convert.reshape import reshape
from ovw.convert.sources.checkpoint import Checkpoint
from ovw.convert.sources.ggml import read_ggml
from ovw.convert.sources.random import random_checkpoint
from ovw.errors import OvwError, UsageError
from ovw.transcribe.selftest import find_golden_problems

STATELESS_INPUTS = [
    "tokens", "audio_features",
    *(f"in_{part}_{layer}{kind}" for layer in range(2) for kind in "ac" for part in "kv"),
]  # fmt: skip


@pytest.fixture(scope="module")
def every_layout(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Converted]:
    """All layouts of one checkpoint in one call; the checkpoint is read once."""
    folder = tmp_path_factory.mktemp("layouts")
    pt = save_pt(folder / "tiny-v3.pt", TINY_V3)
    loads = []
    with pytest.MonkeyPatch.context() as patch:
        load = pipeline.load_checkpoint
        patch.setattr(pipeline, "load_checkpoint", lambda *a, **k: loads.append(a) or load(*a, **k))
        config = ConvertConfig(
            weights=str(pt), layout=list(LAYOUTS), output=folder / "out", ggml_name=["ggml-v3-q5_0.bin", "ggml-tiny-v3"]
        )
        made = {one.manifest.layout: one for one in convert(config)}
    assert len(loads) == 1
    return made


@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_layout_is_proved_and_verified(every_layout: dict[str, Converted], layout: str) -> None:
    made = every_layout[layout]
    assert made.folder.name == names.artifact_name("tiny-v3", "fp16", layout)
    parity = made.manifest.parity
    assert parity.encoder_relative_l2 <= 1e-5
    if layout == "whispercpp":
        assert parity.worst_logits is None
        assert parity.ggml_tensors_equal
        assert made.manifest.golden.hidden
    else:
        assert parity.worst_logits is not None
        assert parity.worst_logits <= 1e-3
        assert parity.greedy_tokens_equal
        assert made.manifest.golden.tokens == every_layout["genai"].manifest.golden.tokens
    assert made.manifest.frontend == ("onnx" if layout == "onnx" else "graph")
    assert set(LAYOUTS[layout].files("tiny-v3")) <= set(made.manifest.files)
    assert find_problems(made.folder) == []
    assert find_golden_problems(made.folder) == []


@pytest.mark.parametrize("layout", LAYOUTS)
def test_verify_finds_another_model_in_any_layout(
    every_layout: dict[str, Converted], tmp_path: Path, layout: str
) -> None:
    made = every_layout[layout]
    folder = shutil.copytree(made.folder, tmp_path / "copy")
    golden = made.manifest.golden
    wrong = {"hidden": [v + 1 for v in golden.hidden]} if golden.hidden else {"tokens": [1, 2]}
    write_manifest(made.manifest.model_copy(update={"golden": golden.model_copy(update=wrong)}), folder)
    (problem,) = find_golden_problems(folder)
    assert "when it was made" in problem
    smaller = made.manifest.shapes.model_copy(update={"kind": "static", "batch": (7, 7), "frames": (8, 8)})
    write_manifest(made.manifest.model_copy(update={"shapes": smaller}), folder)
    assert any("the manifest has" in problem or "expected" in problem for problem in find_problems(folder))


def test_converting_again_knows_layout_shapes_and_frontend(every_layout: dict[str, Converted]) -> None:
    folder = every_layout["stateless"].folder
    same = {"weights": str(folder.parent.parent / "tiny-v3.pt"), "layout": "stateless", "output": folder}
    assert not convert_one(ConvertConfig(**same)).fresh
    for other in ({"shapes": "bounded"}, {"frontend": "onnx"}, {"layout": "genai"}):
        with pytest.raises(OvwError, match="already holds an artifact"):
            convert_one(ConvertConfig(**same | other))


def test_stateless_contract(tmp_path: Path) -> None:
    pt = save_pt(tmp_path / "a.pt", TINY)
    made = convert_one(ConvertConfig(weights=str(pt), layout="stateless", shapes="bounded", output=tmp_path / "out"))
    core = ov.Core()
    encoder = core.read_model(made.folder / "whisper_encoder.xml")
    assert str(encoder.input("mel").partial_shape) == "[1..5,80,1..3000]"
    assert str(encoder.output("output_features").partial_shape).endswith(",128]")
    decoder = core.read_model(made.folder / "whisper_decoder.xml")
    assert [port.any_name for port in decoder.inputs] == STATELESS_INPUTS
    expected = ["logits", *(name.replace("in_", "out_") for name in STATELESS_INPUTS[2:])]
    assert [port.any_name for port in decoder.outputs] == expected
    assert str(decoder.input("tokens").partial_shape) == "[1..5,1..448]"
    assert str(decoder.input("audio_features").partial_shape) == "[1..5,1..1500,128]"
    assert str(decoder.input("in_k_0a").partial_shape) == "[1..5,..448,128]"
    assert str(decoder.input("in_v_1c").partial_shape) == "[1..5,..1500,128]"
    assert decoder.get_rt_info(["ovw", "shapes"]).astype(str) == str(made.manifest.shapes)


@pytest.mark.parametrize(
    ("layout", "bounds"),
    [
        ("genai", {"shapes": "static"}),
        ("stateless", {"shapes": "static"}),
        ("genai", {"shapes": "static", "batch": "4", "tokens": "3", "frames": "1000"}),
        ("stateless", {"shapes": "static", "batch": "4", "tokens": "3", "cache": "64", "frames": "1000"}),
        ("genai", {"shapes": "bounded", "batch": "1..2", "tokens": "1..3", "frames": "1..999"}),
        ("stateless", {"shapes": "bounded", "batch": "1", "tokens": "1..3", "cache": "0..20"}),
    ],
)  # fmt: skip
def test_any_bounds_pass_the_same_gate(layout: str, bounds: dict[str, str]) -> None:
    made = tiny_once(layout=layout, **bounds)
    parity = made.manifest.parity
    assert parity.greedy_tokens_equal
    assert (parity.logits_beam_reorder is None) == (bounds.get("batch", "1") == "1")
    assert find_problems(made.folder) == []
    assert find_golden_problems(made.folder) == []


def test_a_static_decoder_has_no_dynamic_axis() -> None:
    folder = tiny_once(layout="stateless", shapes="static").folder
    for stem in (names.STATELESS_ENCODER, names.STATELESS_CROSS, names.STATELESS_DECODER):
        assert not ov.Core().read_model(folder / f"{stem}.xml").is_dynamic()


@pytest.mark.parametrize(("layout", "precision"), list(product(["genai", "stateless"], ["fp32", "fp16"])))
def test_the_way_by_onnx_passes_the_same_gate(tmp_path: Path, layout: str, precision: str) -> None:
    pt = save_pt(tmp_path / "a.pt", TINY)
    config = ConvertConfig(
        weights=str(pt), layout=layout, precision=precision, frontend="onnx", output=tmp_path / "out"
    )
    made = convert_one(config)
    assert made.manifest.frontend == "onnx"
    assert made.manifest.parity.worst_logits <= 1e-3
    assert find_problems(made.folder) == []
    assert sorted(p.name for p in made.folder.iterdir()) == sorted([*made.manifest.files, names.MANIFEST])


def test_a_damaged_onnx_export_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ovw.convert.graphs import onnx_export

    whole = onnx_export._attend
    monkeypatch.setattr(onnx_export, "_attend", lambda attention, q, k, v, mask=None: whole(attention, q, k, v) * 1.01)
    pt = save_pt(tmp_path / "a.pt", TINY)
    with pytest.raises(OvwError, match="not equal to PyTorch"):
        convert_one(ConvertConfig(weights=str(pt), layout="onnx", output=tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_ggml_holds_the_checkpoints_bytes(every_layout: dict[str, Converted]) -> None:
    folder = every_layout["whispercpp"].folder
    found = read_ggml(folder / "ggml-tiny-v3.bin").tensors
    for name, tensor in random_checkpoint(TINY_V3).tensors.items():
        if found[name].dtype == np.float16:
            assert found[name].tobytes() == tensor.tobytes()
        assert np.array_equal(found[name], tensor)


def test_a_wrong_ggml_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = whispercpp.write_ggml

    def damaged(path: Path, checkpoint: Checkpoint) -> None:
        whole(path, checkpoint)
        data = bytearray(path.read_bytes())
        data[-100] ^= 1
        path.write_bytes(data)

    monkeypatch.setattr(whispercpp, "write_ggml", damaged)
    pt = save_pt(tmp_path / "a.pt", TINY)
    with pytest.raises(OvwError, match="ggml tensors different"):
        convert_one(ConvertConfig(weights=str(pt), layout="whispercpp", output=tmp_path / "out"))


def test_whispercpp_finds_the_encoder_of_each_ggml_file(every_layout: dict[str, Converted]) -> None:
    folder = every_layout["whispercpp"].folder
    for ggml in ("ggml-tiny-v3.bin", "ggml-v3-q5_0.bin"):
        model = ov.Core().read_model(folder / f"{ggml.removesuffix('.bin')}-encoder-openvino.xml")
        assert (len(model.inputs), len(model.outputs)) == (1, 1)
        assert list(model.inputs[0].shape) == [1, 128, 3000]
        assert list(model.outputs[0].shape) == [1, 1500, 128]
        assert {port.element_type for port in (*model.inputs, *model.outputs)} == {ov.Type.f32}


def test_what_whispercpp_leaves_behind_is_no_foreign_thing(every_layout: dict[str, Converted], tmp_path: Path) -> None:
    folder = shutil.copytree(every_layout["whispercpp"].folder, tmp_path / "copy")
    (folder / "ggml-tiny-v3-encoder-openvino-cache").mkdir()
    weights = str(every_layout["whispercpp"].folder.parent.parent / "tiny-v3.pt")
    assert convert_one(ConvertConfig(weights=weights, layout="whispercpp", output=folder, force=True)).fresh


def test_stateless_says_the_same_with_beams(every_layout: dict[str, Converted]) -> None:
    options = {"language": "en", "beam_size": 5, "temperature": (0.0,), "max_new_tokens": 20}
    said = [
        [s.tokens for s in Whisper(every_layout[layout].folder, exact=True).transcribe(DEMO_VIDEO, **options)]
        for layout in ("genai", "stateless")
    ]
    assert said[0] == said[1] != []


@pytest.mark.slow
@pytest.mark.weights
def test_stateless_says_the_same_words(base: Converted, tmp_path: Path) -> None:
    """The real base with 5 beams and a prompt of 227 tokens, through bounded explicit caches."""
    config = ConvertConfig(size="base", layout="stateless", shapes="bounded", offline=True, output=tmp_path / "out")
    models = Whisper(base.folder, exact=True), Whisper(convert_one(config).folder, exact=True)
    prompt = "OpenVINO turns speech into subtitles. " * 60
    assert len(models[0]._sessions.tokenizer.encode(prompt)) > 227
    for options in ({}, {"initial_prompt": prompt}):
        said = [
            [
                (s.start, s.end, s.text)
                for s in model.transcribe(SELFTEST_CLIP, language="en", temperature=(0.0,), **options)
            ]
            for model in models
        ]
        assert said[0] == said[1]
        assert said[0]


def test_words_need_a_decoder_that_shows_its_attention(every_layout: dict[str, Converted]) -> None:
    with pytest.raises(UsageError, match="cannot time words") as failure:
        Whisper(every_layout["stateless"].folder).transcribe(SELFTEST_CLIP, word_timestamps=True)
    assert "--layout genai" in failure.value.hint


@pytest.mark.parametrize("layout", ["onnx", "whispercpp"])
def test_the_runner_names_a_layout_it_does_not_run(every_layout: dict[str, Converted], layout: str) -> None:
    with pytest.raises(OvwError, match=f"has the layout {layout}") as failure:
        Whisper(every_layout[layout].folder)
    assert "--layout genai" in failure.value.hint


@pytest.mark.parametrize(
    ("layout", "bounds", "options", "message"),
    [
        ("genai", {"frames": "1..1000"}, {}, r"encoder of this artifact takes frames 1\.\.1000, it was given 3000"),
        ("genai", {"batch": "1..3"}, {"beam_size": 5}, r"takes batch 1\.\.3, it was given 5"),
        ("stateless", {"batch": "1..3"}, {"beam_size": 5}, r"takes batch 1\.\.3, it was given 5"),
        ("genai", {"tokens": "1..8"}, {"initial_prompt": "one two " * 20}, r"takes tokens 1\.\.8, it was given 4\d"),
        ("stateless", {"cache": "0..18"}, {}, r"takes cached positions 0\.\.18, it was given 19"),
    ],
)
def test_the_runner_refuses_what_is_outside_the_bounds(
    every_layout: dict[str, Converted],
    tmp_path: Path,
    layout: str,
    bounds: dict[str, str],
    options: dict[str, object],
    message: str,
) -> None:
    reshape(every_layout[layout].folder, tmp_path / "out", Bounds(shapes="bounded", **bounds))
    whisper = Whisper(tmp_path / "out")
    with pytest.raises(OvwError, match=message) as failure:
        list(whisper.transcribe(SELFTEST_CLIP, language="en", temperature=(0.0,), no_speech_threshold=None, **options))
    assert failure.value.hint


@pytest.mark.parametrize("layout", ["genai", "stateless"])
def test_more_windows_than_a_bounded_decoder_takes(
    every_layout: dict[str, Converted], tmp_path: Path, layout: str
) -> None:
    """Beams, samples above temperature 0, language detection and second searches come in rows that it takes."""
    reshape(every_layout[layout].folder, tmp_path / "out", Bounds(shapes="bounded", batch="1..3"))
    bounded, free = Whisper(tmp_path / "out"), Whisper(every_layout[layout].folder)
    sound = speech(24)
    wanted = {
        "batch_size": 4,
        "chunk_length": 5,
        "max_new_tokens": 6,
        "no_speech_threshold": None,
        "multilingual": True,
    }
    for options in ({"temperature": 0.0, "beam_size": 3}, {"beam_size": 1, "temperature": (0.0, 0.4)}):
        found = list(bounded.transcribe(sound, **wanted, **options))
        assert len({segment.seek for segment in found}) > 4
        if not any(np.atleast_1d(options["temperature"])):
            alike = free.transcribe(sound, **wanted, **options)
            assert [s.tokens for s in found] == [s.tokens for s in alike]
    with pytest.raises(OvwError, match=r"takes batch 1\.\.3, it was given 4 by best_of"):
        bounded.transcribe(sound, beam_size=1, best_of=4)


@pytest.mark.parametrize(
    ("layout", "bounds"),
    [
        ("genai", {"shapes": "bounded", "batch": "1..2", "tokens": "1..7"}),
        ("genai", {"shapes": "static", "frames": "1000"}),
        ("stateless", {"shapes": "bounded", "cache": "0..20"}),
        ("whispercpp", {"shapes": "static", "frames": "1000"}),
    ],
)
def test_reshape_there_and_back(
    every_layout: dict[str, Converted], tmp_path: Path, layout: str, bounds: dict[str, str]
) -> None:
    made = every_layout[layout]
    manifest = reshape(made.folder, tmp_path / "there", Bounds(**bounds))
    assert manifest == read_manifest(tmp_path / "there")
    assert manifest.shapes == Bounds(**bounds).resolve(TINY_V3, layout)
    assert manifest.parity == made.manifest.parity
    assert find_problems(tmp_path / "there") == []
    assert find_golden_problems(tmp_path / "there") == []
    stored = [encoder_file(folder, layout).stat().st_nlink for folder in (made.folder, tmp_path / "there")]
    assert stored == ([2, 2] if layout == "whispercpp" else [1, 1])  # the second ggml file's encoder takes no room
    xml = encoder_file(tmp_path / "there", layout)
    assert ov.Core().read_model(xml).get_rt_info(["ovw", "shapes"]).astype(str) == str(manifest.shapes)
    back = reshape(tmp_path / "there", tmp_path / "back", Bounds())
    assert (back.shapes, back.golden) == (made.manifest.shapes, made.manifest.golden)
    assert {name for name, entry in back.files.items() if entry == made.manifest.files[name]} >= {
        name for name in back.files if name.endswith((".bin", ".json"))
    }


def test_reshape_refuses(every_layout: dict[str, Converted], tmp_path: Path) -> None:
    target = tmp_path / "out"
    with pytest.raises(UsageError, match="is another graph"):
        reshape(every_layout["stateless"].folder, target, Bounds(shapes="static"))
    with pytest.raises(UsageError, match="onnx layout"):
        reshape(every_layout["onnx"].folder, target, Bounds())
    with pytest.raises(UsageError, match=r"takes 1\.\.448"):
        reshape(every_layout["genai"].folder, target, Bounds(shapes="bounded", tokens="1..449"))
    with pytest.raises(UsageError, match="--cache has no place"):
        reshape(every_layout["genai"].folder, target, Bounds(shapes="bounded", cache="0..100"))
    with pytest.raises(OvwError, match="--force"):
        reshape(every_layout["genai"].folder, every_layout["stateless"].folder, Bounds())
    damaged = shutil.copytree(every_layout["genai"].folder, tmp_path / "damaged")
    (damaged / names.CONFIG).write_text("{}")
    with pytest.raises(OvwError, match=r"config\.json"):
        reshape(damaged, target, Bounds())
    assert not target.exists()


def test_reshape_notices_another_answer(
    every_layout: dict[str, Converted], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ovw.convert import reshape as module

    monkeypatch.setattr(module, "_reshape_graph", lambda source, target, *rest: wrong_weights(source, target))
    with pytest.raises(OvwError, match="the new artifact differs"):
        reshape(every_layout["genai"].folder, tmp_path / "out", Bounds(shapes="bounded"))
    assert list(tmp_path.iterdir()) == []


def wrong_weights(source: Path, target: Path) -> None:
    """The graph with one of its larger constants turned round."""
    shutil.copy2(source, target)
    data = np.frombuffer(source.with_suffix(".bin").read_bytes(), np.uint8).copy()
    middle = slice(len(data) // 2, len(data) // 2 + 200_000)
    data[middle] = data[middle][::-1]
    target.with_suffix(".bin").write_bytes(data.tobytes())
