"""The parity gate and what convert makes of it."""

import json
import shutil
from pathlib import Path

import numpy as np
import openvino as ov
import pytest
from support.tiny_whisper import TINY, TINY_EN, TINY_V3, convert_one, convert_pt, save_pt, tiny_once

import ovw
from ovw.artifact import names
from ovw.artifact.check import find_problems
from ovw.artifact.hashing import hash_folder
from ovw.artifact.manifest import Compression, SpeechSet, read_manifest, write_manifest
from ovw.convert.config import ConvertConfig
from ovw.convert.graphs import encoder as encoder_module
from ovw.convert.graphs.blocks import Weights
from ovw.convert.layouts import genai
from ovw.convert.pipeline import convert
from ovw.convert.plan import Converted, ConvertObserver
from ovw.convert.reference import PyTorchReference
from ovw.convert.sources.resolve import load_checkpoint
from ovw.errors import OvwError, UsageError
from ovw.models import Dims
from ovw.runtime.device import EXACT
from ovw.runtime.sessions import open_sessions
from ovw.transcribe import selftest
from ovw.transcribe.selftest import clip_mel, feed, find_golden_problems, golden_differences


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize("dims", [TINY, TINY_V3, TINY_EN], ids=["80-mels", "128-mels", "english"])
def test_tiny_is_equal_to_pytorch(dims: Dims, precision: str) -> None:
    made = tiny_once(dims, precision)
    parity = made.manifest.parity
    assert parity.encoder_relative_l2 <= 1e-5
    assert max(parity.logits_empty_cache, parity.logits_filled_cache, parity.logits_beam_reorder) <= 1e-3
    assert parity.greedy_tokens_equal
    assert find_problems(made.folder) == []
    assert find_golden_problems(made.folder) == []
    config = json.loads((made.folder / names.PREPROCESSOR_CONFIG).read_text())
    assert config["feature_size"] == dims.n_mels


@pytest.mark.weights
def test_base_is_equal_to_pytorch(base: Converted) -> None:
    parity = base.manifest.parity
    assert parity.encoder_relative_l2 <= 1e-5
    assert max(parity.logits_empty_cache, parity.logits_filled_cache, parity.logits_beam_reorder) <= 1e-3
    assert parity.greedy_tokens_equal
    assert base.manifest.golden.text == "the weather is fine today, so we will walk to the river."
    assert base.manifest.source.kind == "wheel"


@pytest.mark.parametrize("part", ["encoder.blocks.1.mlp.2.weight", "decoder.blocks.0.cross_attn.key.weight"])
def test_damaged_weight_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str) -> None:
    whole = Weights.__getitem__

    def damaged(self: Weights, name: str) -> ov.Node:
        if self.prefix + name != part:
            return whole(self, name)
        tensor = np.array(self.tensors[part], np.float32)
        tensor[3] *= -4
        return whole(Weights({part: tensor}), part)

    monkeypatch.setattr(Weights, "__getitem__", damaged)
    with pytest.raises(OvwError, match=r"not equal to PyTorch: encoder relative L2 .*logits, filled cache") as failure:
        convert_pt(tmp_path, TINY)
    assert "allowed 1e-05" in failure.value.message
    assert sorted(p.name for p in tmp_path.iterdir()) == ["custom.pt"]


def test_refusal_keeps_the_old_artifact(
    tmp_path: Path, tiny: Converted, tiny_pt: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = shutil.copytree(tiny.folder, tmp_path / "old")
    monkeypatch.setattr(encoder_module, "_positions", lambda w, x: ov.opset15.constant(np.float32(0.1)))
    with pytest.raises(OvwError, match="not equal to PyTorch"):
        convert_one(ConvertConfig(weights=str(tiny_pt), output=old, force=True))
    assert find_problems(old) == []


def test_a_refusal_does_not_stop_the_others(tmp_path: Path, tiny: Converted, tiny_pt: Path) -> None:
    taken = shutil.copytree(tiny.folder, tmp_path / "tiny-random-fp16")
    config = ConvertConfig(weights=str(tiny_pt), precision=("fp16", "fp32"), shapes="bounded", output=tmp_path)
    told: list[OvwError] = []
    work = convert(config, ConvertObserver(on_failure=told.append))
    assert next(work).folder.name == "tiny-random-fp32"
    with pytest.raises(
        OvwError, match=r"1 of 2 artifacts were not made: tiny-random fp16 genai: .*already holds"
    ) as end:
        next(work)
    assert [failure.message for failure in told] == [end.value.message.partition(": ")[2]]
    assert find_problems(taken) == []


def test_weights_that_are_not_numbers_are_refused(tmp_path: Path) -> None:
    from ovw.convert.sources.random import random_checkpoint

    tensors = {name: np.array(tensor) for name, tensor in random_checkpoint(TINY).tensors.items()}
    tensors["decoder.ln.weight"][0] = np.nan
    with pytest.raises(OvwError, match=r"decoder\.ln\.weight holds values that are not finite"):
        convert_one(ConvertConfig(weights=str(save_pt(tmp_path / "a.pt", TINY, tensors)), output=tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_rounded_weights_are_held_to_a_stated_tolerance(tmp_path: Path) -> None:
    from ovw.convert.sources.random import random_checkpoint

    wide = {
        name: tensor.astype(np.float32) * np.float32(1.0003) for name, tensor in random_checkpoint(TINY).tensors.items()
    }
    pt = save_pt(tmp_path / "a.pt", TINY, wide)
    fp32 = convert_one(ConvertConfig(weights=str(pt), precision="fp32", output=tmp_path / "32"))
    fp16 = convert_one(ConvertConfig(weights=str(pt), precision="fp16", output=tmp_path / "16"))
    assert fp32.manifest.parity.tolerance_encoder == 1e-5
    assert fp16.manifest.parity.tolerance_encoder > fp16.manifest.parity.encoder_relative_l2 > 1e-5


def test_what_the_artifact_says_of_itself(tiny: Converted, tiny_pt: Path) -> None:
    manifest = read_manifest(tiny.folder)
    assert manifest == tiny.manifest
    assert manifest.dimensions() == TINY
    assert set(manifest.files) == set(names.GENAI_FILES)
    assert manifest.tools["ovw"] == ovw.__version__
    model = ov.Core().read_model(tiny.folder / f"{names.DECODER}.xml")
    assert model.get_rt_info(["ovw", "precision"]).astype(str) == "fp16"
    assert model.get_rt_info(["runtime_options", "KV_CACHE_PRECISION"]).astype(str) == "f16"
    states = {v.info.variable_id for v in model.get_variables()}
    assert len(states) == 4 * TINY.n_text_layer


def test_fp16_halves_the_weights_and_changes_no_value() -> None:
    wide, half = tiny_once(TINY, "fp32"), tiny_once(TINY, "fp16")
    for stem in (names.ENCODER, names.DECODER):
        sizes = [made.manifest.files[f"{stem}.bin"].bytes for made in (wide, half)]
        assert sizes[1] < 0.51 * sizes[0]
    mel = np.random.default_rng(0).standard_normal((1, 80, 3000), np.float32)
    outputs = [
        ov.Core().compile_model(made.folder / f"{names.ENCODER}.xml", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(mel)[
            0
        ]
        for made in (wide, half)
    ]
    assert np.abs(outputs[0] - outputs[1]).max() < 1e-5


@pytest.mark.parametrize("frames", [2, 500, 3000])
def test_short_windows_are_pytorchs_with_the_positions_cut(tiny: Converted, tiny_pt: Path, frames: int) -> None:
    model = ov.Core().compile_model(tiny.folder / f"{names.ENCODER}.xml", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    mel = np.random.default_rng(0).standard_normal((2, 80, frames), np.float32)
    hidden = model(mel)[0]
    assert hidden.shape == (2, frames // 2, TINY.n_audio_state)
    expected = PyTorchReference(load_checkpoint(None, str(tiny_pt))).encode(mel)
    assert np.abs(hidden - expected).max() < 1e-4


def test_converting_again(tmp_path: Path, tiny: Converted, tiny_pt: Path) -> None:
    folder, pt = shutil.copytree(tiny.folder, tmp_path / "made"), str(tiny_pt)
    again = convert_one(ConvertConfig(weights=pt, output=folder))
    assert not again.fresh
    assert again.manifest == tiny.manifest
    with pytest.raises(OvwError, match="already holds an artifact") as failure:
        convert_one(ConvertConfig(weights=pt, precision="fp32", output=folder))
    assert "--force" in failure.value.hint
    (folder / names.CONFIG).write_text("{}")
    with pytest.raises(OvwError, match="already holds an artifact"):
        convert_one(ConvertConfig(weights=pt, output=folder))
    assert convert_one(ConvertConfig(weights=pt, output=folder, force=True)).fresh
    assert find_problems(folder) == []


def test_other_peoples_folders_are_not_touched(tmp_path: Path, tiny_pt: Path) -> None:
    (tmp_path / "photo.jpg").write_text("precious")
    with pytest.raises(UsageError, match="other things in it"):
        convert_one(ConvertConfig(weights=str(tiny_pt), output=tmp_path, force=True))
    with pytest.raises(UsageError, match="is a file"):
        convert_one(ConvertConfig(weights=str(tiny_pt), output=tmp_path / "photo.jpg", force=True))


def test_a_folder_with_any_manifest_is_not_ours(tmp_path: Path, tiny: Converted, tiny_pt: Path) -> None:
    other = tmp_path / "extension"
    other.mkdir()
    (other / "manifest.json").write_text('{"manifest_version": 3}')
    (other / "source.js").write_text("precious")
    mixed = shutil.copytree(tiny.folder, tmp_path / "mixed")
    (mixed / "notes.txt").write_text("precious")
    for folder in (other, mixed):
        before = sorted(p.name for p in folder.iterdir())
        with pytest.raises(UsageError, match="other things in it"):
            convert_one(ConvertConfig(weights=str(tiny_pt), output=folder, force=True))
        assert sorted(p.name for p in folder.iterdir()) == before


def test_leftovers_are_swept_without_force_too(tmp_path: Path, tiny: Converted, tiny_pt: Path) -> None:
    folder = shutil.copytree(tiny.folder, tmp_path / "custom")
    renamed = tiny.manifest.model_copy(update={"name": "tiny-random"})
    (folder / names.MANIFEST).write_text(renamed.model_dump_json())
    (tmp_path / ".custom.partial-abc").mkdir()
    assert not convert_one(ConvertConfig(weights=str(tiny_pt), output=folder)).fresh
    assert [p.name for p in tmp_path.iterdir()] == ["custom"]


@pytest.mark.parametrize("damage", ["missing", "cut", "flipped", "manifest", "ports"])
def test_verify_finds_damage(tmp_path: Path, tiny: Converted, damage: str) -> None:
    folder = shutil.copytree(tiny.folder, tmp_path / "copy")
    weights = folder / f"{names.DECODER}.bin"
    data = bytearray(weights.read_bytes())
    if damage == "missing":
        weights.unlink()
        (folder / names.TOKENIZER).unlink()
    elif damage == "cut":
        weights.write_bytes(data[:-7])
    elif damage == "flipped":
        data[len(data) // 2] ^= 1
        weights.write_bytes(data)
    elif damage == "manifest":
        (folder / names.MANIFEST).write_text('{"schema_version": 1}')
    else:
        for end in ("xml", "bin"):
            (folder / f"{names.ENCODER}.{end}").write_bytes((folder / f"{names.DECODER}.{end}").read_bytes())
    problems = find_problems(folder)
    assert len(problems) == {"missing": 2, "ports": 2}.get(damage, 1)
    expected = {
        "missing": "missing",
        "cut": "bytes",
        "flipped": "SHA-256",
        "manifest": "is damaged",
        "ports": "the manifest",
    }
    assert expected[damage] in problems[0]


def rewritten(folder: Path, name: str, text: str) -> Path:
    """An artifact with a file changed, and a manifest that knows of it."""
    (folder / name).write_text(text, encoding="utf-8")
    manifest = read_manifest(folder)
    write_manifest(manifest.model_copy(update={"files": hash_folder(folder)}), folder)
    return folder


@pytest.mark.parametrize(
    ("name", "changes", "told"),
    [
        (names.CONFIG, None, "config.json: cannot be read"),
        (names.CONFIG, [], "config.json: holds a list"),
        (names.CONFIG, {"decoder_layers": 3}, "decoder_layers is 3, the manifest has 2"),
        (names.PREPROCESSOR_CONFIG, "80", "preprocessor_config.json: holds a str"),
        (names.GENERATION_CONFIG, {"suppress_tokens": "all"}, "suppress_tokens is no list of token ids below 51865"),
        (names.GENERATION_CONFIG, {"suppress_tokens": [51865]}, "suppress_tokens is no list of token ids below 51865"),
        (names.GENERATION_CONFIG, {"is_multilingual": "yes"}, "is_multilingual is yes, expected true or false"),
        (names.GENERATION_CONFIG, {"max_length": "all"}, "max_length is 'all', expected a whole number from 2"),
        (names.GENERATION_CONFIG, {"task": "sing"}, "task is 'sing', expected transcribe or translate"),
        (names.GENERATION_CONFIG, {"is_multilingual": False}, "is_multilingual is False, the manifest has True"),
    ],
)
def test_verify_finds_configs_of_the_wrong_shape(
    tmp_path: Path, tiny: Converted, name: str, changes: object, told: str
) -> None:
    folder = shutil.copytree(tiny.folder, tmp_path / "copy")
    old = json.loads((folder / name).read_text(encoding="utf-8"))
    new = old | changes if isinstance(changes, dict) else changes
    rewritten(folder, name, "{half" if changes is None else json.dumps(new))
    assert any(told in problem for problem in find_problems(folder))
    assert all("\n" not in problem for problem in find_golden_problems(folder))


def test_verify_finds_what_does_not_belong(tmp_path: Path, tiny: Converted) -> None:
    folder = shutil.copytree(tiny.folder, tmp_path / "copy")
    (folder / "notes").mkdir()
    (folder / "notes" / "a.txt").write_text("mine")
    assert find_problems(folder) == ["notes/a.txt: does not belong here, the manifest does not list it"]


def test_verify_compares_what_the_ir_says(tmp_path: Path, tiny: Converted) -> None:
    folder = shutil.copytree(tiny.folder, tmp_path / "copy")
    for stem in (names.ENCODER, names.DECODER):
        xml = (folder / f"{stem}.xml").read_text(encoding="utf-8")
        rewritten(folder, f"{stem}.xml", xml.replace("past_key_values.1.encoder.key", "past_key_values.9.encoder.key"))
    renamed = read_manifest(folder).model_copy(update={"precision": "fp32"})
    write_manifest(renamed, folder)
    problems = find_problems(folder)
    assert len([p for p in problems if "rt_info precision is fp16, the manifest has fp32" in p]) == 2
    assert f"{names.DECODER}.xml: has no state past_key_values.1.encoder.key" in problems
    assert f"{names.DECODER}.xml: has a state past_key_values.9.encoder.key of no known use" in problems


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (names.TOKENIZER, "is not the file that was converted"),
        (names.GENERATION_CONFIG, "cannot be (loaded|read)"),
        (f"{names.DECODER}.xml", "cannot be (loaded|read)"),
        (f"{names.ENCODER}.bin", "cannot be (loaded|read)"),
    ],
)
def test_loading_a_damaged_artifact_is_explained(tmp_path: Path, tiny: Converted, name: str, message: str) -> None:
    from ovw import Whisper

    folder = shutil.copytree(tiny.folder, tmp_path / "copy")
    (folder / name).write_bytes(b"garbage")
    with pytest.raises(OvwError, match=message) as failure:
        Whisper(folder)
    assert "ovw verify" in failure.value.hint


def test_golden_tells_a_changed_model(tmp_path: Path, tiny: Converted) -> None:
    folder = shutil.copytree(tiny.folder, tmp_path / "copy")
    wrong = tiny.manifest.golden.model_copy(update={"tokens": [1, 2, 3]})
    write_manifest(tiny.manifest.model_copy(update={"golden": wrong}), folder)
    assert "self-test: the text is" in find_golden_problems(folder)[0]


@pytest.mark.parametrize(("share", "same"), [(1.01, True), (0.99, False)])
def test_rounding_of_activations_may_decide_between_tokens(
    tiny: Converted, monkeypatch: pytest.MonkeyPatch, share: float, same: bool
) -> None:
    """Only where activations are quantised, and only between tokens that are nearly as likely."""
    golden = tiny.manifest.golden
    encoder, decoder = open_sessions(tiny.folder, "genai", EXACT)
    decoder.start(encoder(clip_mel(TINY)))
    logits = feed(decoder, np.array([[*golden.prompt, *golden.tokens[:-1]]]))[0, -1]
    second, likeliest = np.argsort(logits)[-2:].tolist()
    monkeypatch.setattr(selftest, "ROUNDED_LOGITS", share * (logits[likeliest] - logits[second]))
    expected = golden.model_copy(update={"tokens": [*golden.tokens[:-1], second]})
    assert golden_differences(tiny.folder, tiny.manifest, golden) == []
    assert "the text is" in golden_differences(tiny.folder, tiny.manifest, expected)[0]
    speech = SpeechSet(name="bundled calibration", clips=24, seconds=1, audio={})
    quantised = tiny.manifest.model_copy(update={"compression": Compression(recipe={}, calibration=speech)})
    assert (golden_differences(tiny.folder, quantised, expected) == []) is same


def test_disk_space_is_checked_first(tmp_path: Path, tiny_pt: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ovw.convert import preflight
    from ovw.convert.builder import ArtifactBuilder

    monkeypatch.setattr(preflight.shutil, "disk_usage", lambda path: type("U", (), {"free": 1_000_000})())
    monkeypatch.setattr(ArtifactBuilder, "build", lambda *args: pytest.fail("work began"))
    with pytest.raises(OvwError, match=r"needs .* MB, .* has 1 MB free"):
        convert_one(ConvertConfig(weights=str(tiny_pt), output=tmp_path / "out"))


def test_openvinos_failures_are_not_the_disks(tmp_path: Path, tiny_pt: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ovw.convert import builder, parity

    def fails(*args: object) -> None:
        raise RuntimeError("Check 'x' failed at core.cpp:1:\nunsupported thing\n\n")

    with (
        monkeypatch.context() as patched,
        pytest.raises(OvwError, match="OpenVINO cannot run the IR: unsupported thing"),
    ):
        patched.setattr(parity, "open_decoder", fails)
        convert_one(ConvertConfig(weights=str(tiny_pt), output=tmp_path / "out"))
    monkeypatch.setattr(builder, "write_layout", fails)
    with pytest.raises(OvwError, match="OpenVINO cannot make the IR: unsupported thing"):
        convert_one(ConvertConfig(weights=str(tiny_pt), output=tmp_path / "deep" / "out"))
    assert list(tmp_path.iterdir()) == []


def test_layout_writer_reports_a_full_disk(tmp_path: Path, tiny_pt: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(genai, "_write_json", full)
    with pytest.raises(OvwError, match="No space left on device"):
        convert_one(ConvertConfig(weights=str(tiny_pt), output=tmp_path / "out"))
    assert list(tmp_path.iterdir()) == []
