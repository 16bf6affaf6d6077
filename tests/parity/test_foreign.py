"""Folders of other programs: the files of the genai layout without a manifest."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import openvino as ov
import pytest
from support.command import ovw, refused
from support.foreign_folder import foreign_copy, traced_copy, two_graph_copy
from support.tiny_whisper import DEMO_VIDEO, SELFTEST_CLIP
from support.whispers import opened

from ovw import Whisper
from ovw.artifact.foreign import foreign_manifest, is_foreign
from ovw.artifact.locate import load_manifest, locate
from ovw.convert.against import prove_against
from ovw.convert.plan import Converted
from ovw.errors import NotEqualError, OvwError
from ovw.runtime.device import EXACT
from ovw.runtime.foreign import ForeignDecoderSession
from ovw.runtime.sessions import open_decoder, open_encoder


@pytest.fixture
def foreign(tiny: Converted, tmp_path: Path) -> Path:
    return foreign_copy(tiny, tmp_path / "export")


def test_facts_come_from_the_configs(foreign: Path, tiny: Converted) -> None:
    assert is_foreign(foreign)
    assert locate(str(foreign)) == foreign
    found, known = load_manifest(foreign), tiny.manifest
    assert (found.dims, found.languages, found.translate) == (known.dims, known.languages, known.translate)
    assert (found.layout, found.precision, found.source.kind) == ("genai", "fp16", "unverified")
    assert found.parity is None
    assert found.golden is None


def test_it_transcribes_as_the_artifact_does(base: Converted, tmp_path: Path) -> None:
    folder = foreign_copy(base, tmp_path / "export")
    options = {"language": "en", "beam_size": 2}
    expected = opened(base.folder, exact=True).transcribe(DEMO_VIDEO, **options).text
    whisper = Whisper(folder, exact=True)
    assert whisper.approximations == []
    assert whisper.transcribe(DEMO_VIDEO, **options).text == expected


@pytest.mark.parametrize("copy", [foreign_copy, traced_copy, two_graph_copy])
def test_windows_with_beams_have_a_row_each(tiny: Converted, tmp_path: Path, copy: Callable[..., Path]) -> None:
    """As if the graph could not share a window among rows."""
    foreign = copy(tiny, tmp_path / "made")
    dims = tiny.manifest.dimensions()
    mels = np.random.default_rng(0).standard_normal((2, dims.n_mels, dims.n_frames)).astype(np.float32)
    encoder = open_encoder(tiny.folder, "genai", EXACT)
    audio = np.stack([encoder(mel[None])[0] for mel in mels])
    own, other = open_decoder(tiny.folder, "genai", EXACT), open_decoder(foreign, "genai", EXACT)
    assert isinstance(other, ForeignDecoderSession)
    found = []
    for decoder in (own, other):
        decoder.start(audio)
        calls = (
            (np.array([[1, 2, 3], [1, 2, 4]]), np.arange(2, dtype=np.int32)),
            (np.array([[5], [6], [7], [8]]), np.array([0, 0, 1, 1], np.int32)),
            (np.array([[9], [10], [11], [12]]), np.array([1, 0, 2, 2], np.int32)),
        )
        found.append([decoder.step(*call).copy() for call in calls])
        decoder.release()
    for mine, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(theirs, mine, atol=1e-3)


def test_a_checkpoint_proves_or_refutes_it(foreign: Path, tiny_pt: Path) -> None:
    manifest = foreign_manifest(foreign)
    parity = prove_against(foreign, manifest, str(tiny_pt))
    assert parity.greedy_tokens_equal
    core = ov.Core()
    path = foreign / "openvino_decoder_model.xml"
    model = core.read_model(path)
    table = next(op for op in model.get_ops() if op.get_friendly_name() == "decoder.positional_embedding")
    swapped = ov.opset15.constant(table.input_value(0).get_node().get_data()[::-1].copy())
    table.input(0).replace_source_output(swapped.output(0))
    ov.save_model(model, foreign / "swapped.xml", compress_to_fp16=False)
    del model, table, swapped
    for ending in ("xml", "bin"):
        (foreign / f"swapped.{ending}").replace(path.with_suffix(f".{ending}"))
    with pytest.raises(NotEqualError, match="not equal to PyTorch") as refuted:
        prove_against(foreign, manifest, str(tiny_pt))
    assert "made wrongly" in refuted.value.hint


def test_the_verbs_take_it(foreign: Path, tiny_pt: Path, tiny_v3: Converted, tmp_path: Path) -> None:
    shown = ovw("verify", foreign).stdout
    assert "of another program, unverified" in shown
    assert "on the fast path, words can be timed" in shown
    assert "--mend leaves it alone" in refused("verify", foreign, "--mend", code=2)
    shown = ovw("verify", foreign, "--against", tiny_pt, "--offline").stdout
    assert "greedy tokens equal" in shown
    other = foreign_copy(tiny_v3, tmp_path / "other")
    assert "n_mels 128, not 80" in refused("verify", other, "--against", tiny_pt, "--offline", code=1)
    described = json.loads(ovw("verify", other, "--against", tiny_pt, "--offline", "--json", code=1).stdout)
    assert not described["good"]
    assert "n_mels 128, not 80" in described["problems"][0]
    options = ("--language", "en", "--max-new-tokens", 4, "--temperature", "0")
    ovw("transcribe", SELFTEST_CLIP, "-m", foreign, *options, "-o", tmp_path / "out")
    ovw("transcribe", SELFTEST_CLIP, "-m", foreign, *options, "--word-timestamps", "-f", "json", "-o", tmp_path / "out")
    assert '"words"' in (tmp_path / "out" / f"{SELFTEST_CLIP.stem}.json").read_text(encoding="utf-8")


def without_state(path: Path) -> None:
    path.write_text(path.read_text(encoding="utf-8").replace("ReadValue", "Gather"), encoding="utf-8")


def test_a_second_graph_beside_a_state_is_a_leftover(foreign: Path) -> None:
    (foreign / "openvino_decoder_with_past_model.xml").touch()
    assert load_manifest(foreign).precision == "fp16"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "config.json").write_text('{"model_type": "bert"}'), "type 'bert', not whisper"),
        (lambda folder: (folder / "config.json").write_text("[]"), "holds a list, expected an object"),
        (lambda folder: (folder / "config.json").write_text('{"model_type": "whisper"}'), "is damaged"),
        (lambda folder: (folder / "generation_config.json").unlink(), "cannot be read"),
        (lambda folder: (folder / "tokenizer.json").unlink(), "has no tokenizer.json"),
        (lambda folder: without_state(folder / "openvino_decoder_model.xml"), "without a state, and no"),
    ],
)  # fmt: skip
def test_what_cannot_run_is_one_line(foreign: Path, damage: object, message: str) -> None:
    damage(foreign)  # type: ignore[operator]
    with pytest.raises(OvwError, match=message):
        Whisper(foreign)


def test_two_graphs_that_do_not_belong_together(tiny: Converted, tmp_path: Path) -> None:
    folder = two_graph_copy(tiny, tmp_path / "export")
    later = folder / "openvino_decoder_with_past_model.xml"
    text = later.read_text(encoding="utf-8")
    later.write_text(text.replace("past_key_values.0.decoder.key", "mask"), encoding="utf-8")
    with pytest.raises(OvwError, match="needs inputs that are tokens and caches"):
        Whisper(folder)


def test_precisions(foreign: Path) -> None:
    path = foreign / "openvino_decoder_model.xml"
    config = json.loads((foreign / "config.json").read_text())
    (foreign / "config.json").write_text(json.dumps(config | {"_name_or_path": "acme/whisper-x"}))
    assert foreign_manifest(foreign).name == "whisper-x"
    graph = path.read_text(encoding="utf-8")
    path.write_text(graph.replace('element_type="f16"', 'element_type="f32"'), encoding="utf-8")
    assert foreign_manifest(foreign).precision == "fp32"
    packed = '<layer id="1" name="a" type="Const" version="opset1">\n<data element_type="u8" offset="0" size="1" />'
    path.write_text(graph + packed * 8, encoding="utf-8")
    assert foreign_manifest(foreign).precision == "int8"
