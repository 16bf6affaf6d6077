"""INT8 and INT4: what is compressed, how far it is off, and what the WER gate lets through."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as opset
from rich import get_console
from support.speech_files import wav
from support.tiny_whisper import CALIBRATED, TINY, TINY_V3, convert_one, tiny_once

from ovw.artifact import names
from ovw.artifact.check import find_problems
from ovw.artifact.layouts import encoder_file
from ovw.artifact.manifest import Compression, Manifest, SpeechSet, WerGate, read_manifest
from ovw.convert import parity
from ovw.convert.builder import ArtifactBuilder
from ovw.convert.compression import wer_gate
from ovw.convert.compression.calibration import read_speech, windows_of
from ovw.convert.compression.nncf_backend import compress
from ovw.convert.compression.recipe import GraphRecipe, Recipe, recipe_for
from ovw.convert.compression.selection import CompressionSelection
from ovw.convert.config import ConvertConfig
from ovw.convert.pipeline import convert
from ovw.convert.plan import Converted, same_compression, same_speech
from ovw.convert.sources.random import random_checkpoint
from ovw.datasets.resolve import DatasetOptions
from ovw.errors import OvwError, UsageError
from ovw.evaluate.config import EvalConfig
from ovw.evaluate.pipeline import evaluate
from ovw.evaluate.terminal import summary
from ovw.home import compiled_dir
from ovw.models import Dims, sizes
from ovw.network import is_offline
from ovw.runtime.device import EXACT, DeviceOptions
from ovw.runtime.fast.decoder import FastDecoder
from ovw.runtime.fast.encoder import FastEncoder
from ovw.runtime.sessions import open_sessions
from ovw.scoring.counts import Pair, count
from ovw.transcribe.selftest import clip_mel, find_golden_problems

WEIGHTS = {"int8": {"u8"}, "int8-ptq": {"u8", "i8"}, "int4": {"u4", "u8"}}


def asked(pt: Path, output: Path, precision: str, **more: object) -> ConvertConfig:
    """A conversion of a random model, which has no words that could be lost."""
    recipe = {"recipe": CALIBRATED} if precision == "int8-ptq" else {}
    return ConvertConfig(weights=str(pt), precision=precision, output=output, **{"gate": "none", **recipe, **more})


def constants(xml: Path) -> Counter[str]:
    """Values stored in every type."""
    found: Counter[str] = Counter()
    for op in ov.Core().read_model(xml).get_ops():
        if op.get_type_name() == "Constant":
            found[op.get_element_type().to_string()] += int(np.prod(list(op.shape)))
    return found


def graph(folder: Path, part: str) -> Path:
    return folder / f"{getattr(names, part)}.xml"


@pytest.mark.parametrize(
    ("precision", "dims"), [("int8", TINY), ("int8-ptq", TINY_V3), ("int4", TINY)], ids=list(WEIGHTS)
)
def test_weights_are_stored_in_few_bits(precision: str, dims: Dims) -> None:
    made = tiny_once(dims, precision)
    assert find_problems(made.folder) == []
    assert find_golden_problems(made.folder) == []
    assert made.manifest.precision == precision
    stored = constants(graph(made.folder, "DECODER")) + constants(graph(made.folder, "ENCODER"))
    few = sum(stored[kind] for kind in WEIGHTS[precision])
    assert all(stored[kind] for kind in WEIGHTS[precision])
    assert few > 0.95 * dims.parameters
    found = made.manifest.parity
    assert 0 < found.encoder_relative_l2 <= found.tolerance_encoder
    assert 0 < found.worst_logits <= found.tolerance_logits


@pytest.mark.parametrize("precision", ["int8", "int4"])
def test_the_fast_decoder_takes_packed_embeddings(home: Path, precision: str) -> None:
    """Rows of the table are unpacked where they are taken; the kept graph does not hold it in f32."""
    made = tiny_once(TINY, precision)
    dims, tokens, row = made.manifest.dimensions(), np.array([[11, 50257, 13]]), np.zeros(1, np.int32)
    mel = np.random.default_rng(3).standard_normal((1, dims.n_mels, dims.n_frames)).astype(np.float32) * 0.3
    found = []
    for device in (EXACT, DeviceOptions()):
        encoder, decoder = FastEncoder(made.folder, device, dims), FastDecoder(made.folder, device)
        decoder.start(encoder([mel], merge=False))
        found.append(decoder.step(tokens, row).copy())
    assert np.linalg.norm(found[1] - found[0]) < 0.05 * np.linalg.norm(found[0])
    largest = max(file.stat().st_size for file in compiled_dir().iterdir())
    assert largest < 3 * graph(made.folder, "DECODER").with_suffix(".bin").stat().st_size


def test_int8_ptq_computes_in_int8_only_in_the_encoder() -> None:
    made = tiny_once(TINY_V3, "int8-ptq")
    quantizers = {
        part: sum(
            op.get_type_name() == "FakeQuantize" for op in ov.Core().read_model(graph(made.folder, part)).get_ops()
        )
        for part in ("ENCODER", "DECODER")
    }
    assert quantizers["DECODER"] == 0
    assert quantizers["ENCODER"] >= 6 * TINY.n_audio_layer
    compression = made.manifest.compression
    assert compression.recipe["encoder"]["smooth_quant"] == 0.5
    assert compression.calibration.name == "bundled calibration"
    assert compression.calibration.clips == len(compression.calibration.audio) == 24
    assert compression.gate is None


@pytest.mark.slow
def test_one_call_makes_several_layouts_of_the_same_compressed_graph(tmp_path: Path, tiny_pt: Path) -> None:
    layouts = ("genai", "stateless", "whispercpp")
    config = asked(tiny_pt, tmp_path, "int8-ptq", layout=layouts)
    made = {found.manifest.layout: found.folder for found in convert(config)}
    encoders = [encoder_file(made[layout], layout).with_suffix(".bin").read_bytes() for layout in layouts]
    assert encoders[0] == encoders[1] == encoders[2]
    mel = clip_mel(TINY)
    found = []
    for layout in ("genai", "stateless"):
        encoder, decoder = open_sessions(made[layout], layout, DeviceOptions(precision="f32"))
        decoder.start(encoder(mel))
        found.append(decoder.step(np.array([[50258, 50259, 50359]]), np.zeros(1, np.int32)).copy())
    assert np.abs(found[0] - found[1]).max() < 1e-3


def test_static_shapes_and_int8_go_together(tmp_path: Path, tiny_pt: Path) -> None:
    made = convert_one(asked(tiny_pt, tmp_path / "artifact", "int8", shapes="static"))
    assert find_problems(made.folder) == []
    assert find_golden_problems(made.folder) == []


def test_an_equal_artifact_is_not_made_again_another_recipe_is_refused(tmp_path: Path, tiny_pt: Path) -> None:
    made = tiny_once(TINY, "int8")
    assert made.fresh
    config = asked(tiny_pt, Path(shutil.copytree(made.folder, tmp_path / "artifact")), "int8")
    assert not convert_one(config).fresh
    other = Recipe(encoder=GraphRecipe(keep=(".*mlp.*",)), decoder=GraphRecipe())
    with pytest.raises(OvwError, match="already holds an artifact"):
        convert_one(config.model_copy(update={"recipe": other}))


def test_kept_operations_stay_in_floating_point(tmp_path: Path, tiny_pt: Path) -> None:
    kept = Recipe(encoder=GraphRecipe(keep=(r".*mlp\..*",)), decoder=GraphRecipe())
    made = convert_one(asked(tiny_pt, tmp_path / "artifact", "int8", recipe=kept))
    mlp = TINY.n_audio_layer * 8 * TINY.n_audio_state**2
    assert mlp <= constants(graph(made.folder, "ENCODER"))["f16"] < 1.2 * mlp + 1500 * TINY.n_audio_state


def test_calibration_takes_a_folder_of_nothing_but_sound(tmp_path: Path, tiny_pt: Path) -> None:
    speech = read_speech(DatasetOptions(dataset="bundled", split="calibration"), 5, texts=False)
    folder = tmp_path / "sounds"
    folder.mkdir()
    for utterance in speech.utterances:
        (folder / utterance.audio.name).write_bytes(utterance.audio.read_bytes())
    made = convert_one(asked(tiny_pt, tmp_path / "artifact", "int8-ptq", calibration=str(folder)))
    used = made.manifest.compression.calibration
    assert (used.name, used.clips) == ("sounds", 5)
    assert round(used.seconds) == round(sum(len(clip.samples) for clip in speech.clips) / 16000)


def test_windows_are_clips_and_filled_windows() -> None:
    speech = read_speech(DatasetOptions(dataset="bundled", split="calibration"), 24, texts=False)
    windows = windows_of(speech, TINY, 9)
    assert [window.shape for window in windows] == [(1, 80, 3000)] * 9
    silent_ends = [bool((window[0, :, -100:] == window[0, :, -1:]).all()) for window in windows]
    assert silent_ends == [True] * 6 + [False] * 3


def test_what_calibrates_is_not_scored() -> None:
    both = DatasetOptions(dataset="bundled", split="calibration")
    half = read_speech(both.model_copy(update={"limit": 10}), 10, texts=False)
    rest = read_speech(both, 24, texts=True, but=[clip.sha256 for clip in half.clips])
    assert len(rest.clips) == 14
    assert not {u.id for u in half.utterances} & {u.id for u in rest.utterances}


def a_gate(delta: float, ci95: tuple[float, float], **more: object) -> WerGate:
    speech = SpeechSet(name="some", clips=1, seconds=1, audio={"a": "0"})
    figures = {"words": 100, "wer": 10 + delta, "fp32_wer": 10, "delta": delta, "ci95": ci95, "allowed": 0.5}
    return WerGate(speech=speech, inference_precision="f32", **figures, **more)


def scored(texts: list[str], references: list[str]) -> wer_gate.Score:
    return wer_gate.Score(count([Pair(r, h, "en") for r, h in zip(references, texts, strict=True)]), "f32")


@pytest.mark.parametrize(
    ("wrong", "verdict"), [(0, "passed"), (2, "undecided"), (30, "breached")], ids=["equal", "thin", "damaged"]
)
def test_verdicts(wrong: int, verdict: str) -> None:
    references = [f"number {i} of one hundred" for i in range(40)]
    texts = ["something else" if i < wrong else text for i, text in enumerate(references)]
    speech = read_speech(DatasetOptions(dataset="bundled", limit=1), 1, texts=True)
    found = wer_gate.judge(scored(texts, references), scored(references, references), speech, allowed=0.5)
    assert found.verdict == verdict
    assert (found.delta > 0.5) == (wrong > 0)
    assert found.ci95[0] <= found.delta <= found.ci95[1]


@pytest.mark.parametrize(
    ("delta", "ci95", "verdict"),
    [
        (0.75, (0.13, 1.46), "undecided"),  # too few words to tell half a point from none
        (0.7, (0.3, 1.1), "breached"),
        (0.7, (-0.1, 0.9), "undecided"),
        (1.9, (0.6, 3.2), "breached"),
        (0.5, (0.4, 0.6), "passed"),
    ],
)
def test_what_an_interval_can_tell(delta: float, ci95: tuple[float, float], verdict: str) -> None:
    assert wer_gate.verdict_on(delta, ci95, allowed=0.5) == verdict


def test_an_artifact_is_taken_for_what_it_was_judged_by(tiny: Converted) -> None:
    """Another calibration, gate or limit than the artifact has makes it another artifact."""
    speech = SpeechSet(name="bundled calibration", clips=24, seconds=1, audio={"a": "0"})
    gate = a_gate(0, (0, 0), verdict="passed")
    gate = gate.model_copy(update={"speech": speech.model_copy(update={"name": "bundled test"})})

    def is_same(asked: dict[str, object], **made: object) -> bool:
        parts = {"recipe": {}, "calibration": speech, "gate": gate, **made}
        manifest = tiny.manifest.model_copy(update={"compression": Compression(**parts)})
        return same_speech(manifest, ConvertConfig(size=("base",), precision=("int8-ptq",), **asked))

    assert is_same({})
    assert is_same({"calibration": "bundled:calibration", "gate": "none"})
    for asked in ({"calibration": "bundled:test"}, {"gate": "bundled:calibration"}, {"max_wer_delta": 0.1}):
        assert not is_same(asked)
    assert not is_same({"tune": True})
    assert not is_same({}, gate=None)
    breached = gate.model_copy(update={"verdict": "breached"})
    assert not is_same({}, gate=breached)
    assert is_same({"accept_wer": True}, gate=breached)


def test_speech_of_a_path_is_known_by_its_audio(tiny: Converted, tmp_path: Path) -> None:
    """Folders of one name may hold other clips."""
    for where in ("one", "other"):
        (tmp_path / where / "meetings").mkdir(parents=True)
        for name in ("a.wav", "b.wav"):
            (tmp_path / where / "meetings" / name).write_bytes(wav(seed=1))
    set_of = read_speech(DatasetOptions(dataset=str(tmp_path / "one" / "meetings")), 2, texts=False).describe()
    compression = Compression(recipe={}, calibration=set_of)
    manifest = tiny.manifest.model_copy(update={"compression": compression})

    def is_same(where: str) -> bool:
        asked = {"calibration": str(tmp_path / where / "meetings"), "gate": "none"}
        return same_speech(manifest, ConvertConfig(size=("base",), precision=("int8-ptq",), **asked))

    assert is_same("one")
    assert is_same("other")
    (tmp_path / "other" / "meetings" / "b.wav").write_bytes(wav(seed=2))
    assert not is_same("other")
    (tmp_path / "one" / "meetings" / "a.wav").unlink()
    assert not is_same("one")


def test_a_search_is_taken_for_what_it_began_with(tiny: Converted) -> None:
    start, better = ({"encoder": {"kind": kind}} for kind in ("a", "b"))

    def compressed(**made: object) -> Manifest:
        return tiny.manifest.model_copy(update={"compression": Compression(recipe=better, **made)})

    asked = SimpleNamespace(describe=lambda: start)
    assert same_compression(compressed(trials=[{"recipe": start}, {"recipe": better}]), asked, tuned=True)
    assert not same_compression(compressed(trials=[{"recipe": start}, {"recipe": better}]), asked, tuned=False)
    assert not same_compression(compressed(), asked, tuned=True)


def test_a_conversion_without_connections_reads_no_speech_from_the_hub(tiny_pt: Path, tmp_path: Path) -> None:
    config = ConvertConfig(
        weights=str(tiny_pt), precision="int8", gate="librispeech:dev-clean", offline=True, output=tmp_path / "made"
    )
    selection = CompressionSelection(ArtifactBuilder("x", None, random_checkpoint(TINY), config, lambda text: None))
    with pytest.raises(OvwError, match="offline"):
        selection._gate_speech  # noqa: B018
    assert not is_offline(hub=True)


def test_folders_of_a_configuration_may_be_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert ConvertConfig(size=("base",), output="~/models").output == tmp_path / "models"


def test_a_breach_is_refused_or_accepted() -> None:
    breach = a_gate(3, (1, 5), verdict="breached")
    with pytest.raises(OvwError, match=r"costs too many words: WER 13.00 % against fp32's 10.00 %.*--accept-wer"):
        wer_gate.require(breach, accept=False)
    wer_gate.require(breach, accept=True)
    wer_gate.require(a_gate(1, (-1, 3), verdict="undecided"), accept=False)


@pytest.mark.slow
@pytest.mark.weights
def test_real_tiny_en_keeps_its_words(tmp_path: Path) -> None:
    speech = DatasetOptions(dataset="bundled", split="test", limit=4)
    config = ConvertConfig(size="tiny.en", precision="int8", gate=speech, offline=True, output=tmp_path / "a")
    made = convert_one(config)
    found = read_manifest(made.folder).compression.gate
    assert found.speech.clips == 4
    assert found.words > 60
    assert 0 < found.fp32_wer < 20
    assert found.delta < 3
    assert found.verdict != "breached"


@pytest.mark.slow
@pytest.mark.weights
def test_ranges_found_on_silence_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    silence = tmp_path / "silence"
    silence.mkdir()
    (silence / "nothing.wav").write_bytes(wav(loudness=0))
    config = ConvertConfig(
        size="tiny.en", precision="int8-ptq", calibration=str(silence), gate={"dataset": "bundled", "limit": 3},
        offline=True, output=tmp_path / "a",
    )  # fmt: skip
    with pytest.raises(OvwError, match="not equal to PyTorch"):
        convert_one(config)
    monkeypatch.setitem(parity.COMPRESSED, "int8-ptq", parity.Tolerance(encoder=10, logits=100, greedy=False))
    with pytest.raises(OvwError, match="costs too many words"):
        convert_one(config)
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("size", list(sizes()))
@pytest.mark.parametrize("precision", ["int8", "int8-ptq", "int4"])
def test_every_size_has_a_recipe(size: str, precision: str) -> None:
    recipe = recipe_for(precision, size)
    assert recipe.calibrated == (precision == "int8-ptq")
    assert Recipe(**recipe.describe()) == recipe


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"precision": "int8", "layout": "onnx"}, "the onnx layout has no int8"),
        ({"precision": "fp16", "recipe": CALIBRATED}, "a recipe is for one compressed precision"),
        ({"precision": "int8-ptq", "calibration": "nowhere"}, "no dataset 'nowhere'"),
        ({"precision": "int8", "gate": "bundled:train"}, "no split 'train'"),
    ],
)
def test_bad_requests_are_told(tmp_path: Path, tiny_pt: Path, values: dict, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        convert_one(ConvertConfig(**{"weights": str(tiny_pt), "output": tmp_path / "a", **values}))
    assert not (tmp_path / "a").exists()


def test_manifest_keeps_the_facts() -> None:
    made = tiny_once(TINY, "int4")
    written = json.loads((made.folder / names.MANIFEST).read_text())
    assert written["compression"]["recipe"]["decoder"] == {"weights": "int4", "group_size": 64}
    assert "nncf" in written["tools"]


def test_eval_says_when_it_scores_what_calibrated(tmp_path: Path) -> None:
    made = tiny_once(TINY_V3, "int8-ptq")
    scored_on = EvalConfig(
        dataset="bundled", split="calibration", limit=2, model=str(made.folder), output=str(tmp_path / "run"),
        temperature=(0.0,), language="en", max_new_tokens=8,
    )  # fmt: skip
    record = evaluate(scored_on).record
    assert len(record.facts["calibrated_on"]) == 2
    assert "  2 of the clips calibrated this artifact: the figure is too good" in summary(record)


def test_no_bar_of_nncf_in_a_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its bars are widgets there, which would stand in the cell's output."""
    shown: list[object] = []
    monkeypatch.setattr(get_console(), "is_jupyter", True)
    monkeypatch.setattr("IPython.display.display", shown.append)
    entry = opset.parameter([1, 64], np.float32)
    weights = np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32)
    model = ov.Model([opset.matmul(entry, opset.constant(weights), False, True)], [entry])
    compress(model, GraphRecipe())
    assert shown == []
    assert get_console().is_jupyter
