"""What is proved is what runs: batches, arithmetic and approximations, at conversion, at first use and in `verify`."""

import json
import logging
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import openvino as ov
import openvino.opset15 as ops
import pytest
from support.command import ovw
from support.faults import FaultyDecoder, nan_in_last_row, swap_first_rows, with_faulty_decoder, with_louder_head
from support.tiny_whisper import convert_one

from ovw import Whisper
from ovw.artifact.arithmetic import ApproximationCost, RowCheck, pack_array, unpack_array
from ovw.artifact.ir_names import MASKED_SCORE
from ovw.artifact.manifest import Manifest, read_manifest, write_manifest
from ovw.artifact.masks import decoders_without_batch, give_masks_the_batch, masks_without_batch
from ovw.artifact.names import DECODER
from ovw.convert import arithmetic
from ovw.convert.config import ConvertConfig
from ovw.convert.graphs import blocks, decoder
from ovw.convert.graphs.shapes import Bounds
from ovw.convert.plan import Converted
from ovw.convert.reshape import reshape
from ovw.errors import NotEqualError, OvwError
from ovw.runtime import sessions
from ovw.runtime.approximations import ALL
from ovw.runtime.device import DeviceOptions
from ovw.runtime.sessions import open_decoder
from ovw.transcribe.checks import guard, texts
from ovw.transcribe.checks.licence import MOST_NATS, WORST_NATS, cost_of, measure_licence
from ovw.transcribe.checks.probe import probe_windows
from ovw.transcribe.checks.rows import batch_fault, logits_distance
from ovw.transcribe.exact import AS_LICENSED, EXACTLY
from ovw.transcribe.options import TranscribeOptions


def shared_mask(rows: ov.Node, columns: ov.Node, batch: ov.Node) -> ov.Node:
    """The mask of earlier versions, [1, 1, n, L]."""
    visible = ops.less_equal(ops.unsqueeze(columns, [0]), ops.unsqueeze(rows, [1]))
    return ops.unsqueeze(ops.select(visible, np.float32(0), np.float32(MASKED_SCORE)), [0, 1])


@pytest.fixture
def copy_of_tiny(tiny: Converted, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny.folder, tmp_path / "copy"))


@pytest.fixture
def with_shared_mask(copy_of_tiny: Path, tiny_pt: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An artifact as earlier versions made it: its rows share a mask, and nothing was measured."""
    monkeypatch.setattr(decoder, "causal_mask", shared_mask)
    monkeypatch.setattr(arithmetic, "require_batch_axis", lambda folder: None)
    made = convert_one(ConvertConfig(weights=str(tiny_pt), output=tmp_path / "before", offline=True))
    monkeypatch.undo()
    forget_measurements(made.folder)
    return made.folder


def forget_measurements(folder: Path) -> None:
    write_manifest(read_manifest(folder).model_copy(update={"arithmetic": None}), folder)


def mode_of(folder: Path) -> tuple[guard.ExecutionMode, Manifest]:
    manifest = read_manifest(folder)
    return next(guard.execution_modes(folder, manifest, DeviceOptions(), AS_LICENSED)), manifest


def fault_of(mode: guard.ExecutionMode, manifest: Manifest) -> str | None:
    return guard.find_fault(mode, guard.reference_of(mode.sessions.folder, manifest), manifest)


def test_conversion_proves_the_sessions_that_run(
    tiny_pt: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it is proved a folder has no manifest yet, as folders of other programs, whose graphs are changed."""
    monkeypatch.setattr(sessions, "ForeignDecoderSession", lambda *args: pytest.fail("taken for another program's"))
    for adapt in ("adapt_encoder", "adapt_decoder"):
        monkeypatch.setattr(f"ovw.runtime.fast.adapt.{adapt}", lambda model: pytest.fail("adapted"))
    made = convert_one(ConvertConfig(weights=str(tiny_pt), output=tmp_path / "made", offline=True))
    assert made.manifest.arithmetic is not None


def test_every_decoder_gives_its_mask_the_batch_axis(tiny: Converted) -> None:
    model = ov.Core().read_model(tiny.folder / f"{DECODER}.xml")
    attention = [op for op in model.get_ops() if op.get_friendly_name().endswith(".self_attn")]
    assert [str(op.get_input_partial_shape(3)[0]) for op in attention] == ["?"] * tiny.manifest.dims["n_text_layer"]
    assert masks_without_batch(model) == []
    assert not give_masks_the_batch(model)


def test_a_shared_mask_is_refused_at_conversion(tiny_pt: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoder, "causal_mask", shared_mask)
    with pytest.raises(NotEqualError, match="no batch axis"):
        convert_one(ConvertConfig(weights=str(tiny_pt), output=tmp_path / "made", offline=True))
    assert not (tmp_path / "made").exists()


def test_a_shared_mask_is_repaired_in_memory(with_shared_mask: Path) -> None:
    assert decoders_without_batch(with_shared_mask) == [f"{DECODER}.xml"]
    mode, manifest = mode_of(with_shared_mask)
    assert fault_of(mode, manifest) is None
    own = replace(mode, sessions=Whisper(with_shared_mask, exact=True)._sessions)
    assert fault_of(own, manifest) is None


def test_verify_names_a_shared_mask_and_repairs_it(with_shared_mask: Path) -> None:
    found = ovw("verify", with_shared_mask, code=1)
    assert "the mask of self attention has no batch axis" in found.stderr
    assert "ovw verify --mend repairs it" in found.stderr
    mended = ovw("verify", with_shared_mask, "--mend")
    assert decoders_without_batch(with_shared_mask) == []
    measured = read_manifest(with_shared_mask).arithmetic
    assert measured is not None
    assert measured.rows is not None
    assert "rows of a batch against rows alone" in mended.stdout


@pytest.mark.parametrize("spoil", [swap_first_rows, nan_in_last_row])
def test_rows_that_a_batch_changes_are_refused_at_conversion(
    tiny: Converted, spoil: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = tiny.manifest
    arguments = (tiny.folder, manifest.layout, manifest.shapes, manifest.dimensions())
    assert arithmetic.measure_batches(*arguments).rows.in_f32 <= 1e-4
    monkeypatch.setattr(arithmetic, "open_decoder", lambda *a: FaultyDecoder(open_decoder(*a), spoil))
    with pytest.raises(NotEqualError, match="rows of a batch differ from the same rows alone"):
        arithmetic.measure_batches(*arguments)


def test_a_head_that_is_too_loud_is_refused_at_conversion(
    tiny_pt: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def louder(x: ov.Node, width: int) -> ov.Node:
        heads = np.ones((1, x.get_output_partial_shape(0)[1].get_length(), 1, 1), np.float32)
        heads[0, 1] = 1.5
        return merge(ops.multiply(x, heads), width)

    merge = blocks.merge_heads
    monkeypatch.setattr(blocks, "merge_heads", louder)
    with pytest.raises(NotEqualError, match="not equal to PyTorch"):
        convert_one(ConvertConfig(weights=str(tiny_pt), output=tmp_path / "made", offline=True))


@pytest.mark.parametrize(
    ("spoil", "fault"), [(swap_first_rows, "rows of a batch depend"), (nan_in_last_row, "logits differ by inf")]
)
def test_rows_that_a_batch_changes_are_caught_at_first_use(tiny: Converted, spoil: object, fault: str) -> None:
    mode, manifest = mode_of(tiny.folder)
    with_faulty_decoder(mode.sessions, spoil)
    assert fault in str(fault_of(mode, manifest))


def test_a_head_that_is_too_loud_is_caught_at_first_use(tiny: Converted) -> None:
    mode, manifest = mode_of(tiny.folder)
    with_louder_head(mode.sessions, 1.5)
    assert "the norm of a head is 0.5" in str(fault_of(mode, manifest))


@pytest.mark.parametrize(
    ("faulty", "mode", "left"),
    [
        (["as licensed"], "without int8 attention", ["merged_padding", "token_merging", "unsure_search"]),
        (["as licensed", "without int8 attention"], "without approximations", []),
    ],
)
def test_what_does_not_compute_as_proved_is_not_used(
    faulty: list[str],
    mode: str,
    left: list[str],
    tiny: Converted,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The next mode is used, one line says so, and the check is remembered."""
    checked: list[str] = []
    find = guard.find_fault

    def finds(tried: guard.ExecutionMode, *rest: object) -> str | None:
        checked.append(tried.name)
        return "rows differ" if tried.name in faulty else find(tried, *rest)

    monkeypatch.setattr(guard, "find_fault", finds)
    with caplog.at_level(logging.WARNING):
        first, again = Whisper(tiny.folder), Whisper(tiny.folder)
    assert checked == [*faulty, mode]
    faults = "; ".join(f"{name}: rows differ" for name in faulty)
    assert [record.getMessage() for record in caplog.records] == 2 * [
        f"{tiny.folder.name} runs {mode}: what it prefers is too far from f32 on this machine ({faults})"
    ]
    assert first.approximations == again.approximations == left
    (kept,) = (home / "checked").iterdir()
    assert json.loads(kept.read_text())["mode"] == mode


def test_an_artifact_that_computes_something_else_in_every_way_is_refused(
    tiny: Converted, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "find_fault", lambda *rest: "logits are far off")
    with pytest.raises(OvwError, match="gives wrong results on this machine"):
        Whisper(tiny.folder)
    assert not (home / "checked").exists()


def test_another_vocabulary_is_refused(copy_of_tiny: Path) -> None:
    """One token is spelled otherwise: the size is the same, the words are not."""
    path = copy_of_tiny / "tokenizer.json"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("because", "becauze"), encoding="utf-8")
    with pytest.raises(OvwError, match=r"tokenizer\.json is not the file that was converted"):
        Whisper(copy_of_tiny)


def test_what_f32_leaves_out_is_not_named(tiny: Converted) -> None:
    """Keys and values stay in floating point there, and no activation has a scale."""
    found = Whisper(tiny.folder, device=DeviceOptions(precision="f32")).approximations
    assert found == ["merged_padding", "token_merging", "unsure_search"]


def test_exact_has_no_approximation(tiny: Converted) -> None:
    whisper = Whisper(tiny.folder, exact=True)
    assert whisper.approximations == whisper.approximations_for(TranscribeOptions(batch_size=1)) == []


def test_only_licensed_approximations_are_used(copy_of_tiny: Path) -> None:
    manifest = read_manifest(copy_of_tiny)
    assert manifest.arithmetic is not None
    costly = ApproximationCost(nats=MOST_NATS * 2, standard_error=0.001, worst=0.1, licensed=False)
    free = ApproximationCost(nats=0.0, standard_error=0.0, worst=0.0, licensed=True)
    costs = dict.fromkeys(ALL.in_use(), free) | {"token_merging": costly, "int8_attention": costly}
    measured = manifest.arithmetic.model_copy(update={"approximations": costs})
    write_manifest(manifest.model_copy(update={"arithmetic": measured}), copy_of_tiny)
    whisper = Whisper(copy_of_tiny)
    assert whisper.approximations == ["merged_padding", "grouped_scales", "unsure_search"]
    assert whisper.approximations_for(TranscribeOptions()) == ["merged_padding", "grouped_scales"]
    assert whisper.approximations_for(TranscribeOptions(audio_context="full")) == ["grouped_scales"]
    (window,) = whisper._sessions.encode(probe_windows(manifest.dimensions())[:1])
    assert {cache.dtype for cache in window.batch.caches} == {np.dtype(np.float32)}
    assert not window.full_context


def test_a_licence_is_what_was_measured(base: Converted) -> None:
    measured = base.manifest.arithmetic
    assert measured is not None
    assert measured.approximations is not None
    assert set(measured.approximations) == set(ALL.in_use())
    for cost in measured.approximations.values():
        assert cost.licensed == (cost.nats <= MOST_NATS and cost.worst <= WORST_NATS)
    assert measured.words is not None
    assert measured.words > 40
    assert measured.unlicensed() == []


@pytest.mark.parametrize(
    ("change", "nats", "worst", "licensed"),
    [
        ([0.0, 0.3], 0.003, 0.3, True),
        ([0.0, 0.31], 0.0031, 0.31, False),  # one bad text
        ([1.98, 0.02], 0.02, 0.02, True),
        ([2.07, 0.03], 0.021, 0.03, False),  # a little everywhere
        ([-1.0, 0.1], -0.009, 0.1, True),
        ([0.0, float("nan")], 1e9, 1e9, False),
    ],
)
def test_cost_of_an_approximation(change: list[float], nats: float, worst: float, licensed: bool) -> None:
    """Of a text of 99 tokens and of one of 1."""
    cost = cost_of(np.array(change), [99, 1])
    assert (cost.nats, cost.worst, cost.licensed) == (nats, worst, licensed)


def test_an_approximation_that_loses_words_is_not_licensed(base: Converted, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without silence behind the speech, and merged to a tenth, nothing can be read any more."""
    monkeypatch.setattr("ovw.runtime.fast.context.MARGIN", 2)
    monkeypatch.setattr("ovw.runtime.fast.context.SMALLEST_GROUP", 1500)
    monkeypatch.setattr("ovw.runtime.fast.merging.SITES", ((0, 0.5), (1 / 3, 0.5), (2 / 3, 0.5), (1, 0.5)))
    monkeypatch.setattr("ovw.runtime.fast.merging.STEP", 8)
    licence = measure_licence(base.folder, base.manifest.dimensions(), DeviceOptions())
    assert not licence.costs["token_merging"].licensed


def test_verify_names_the_way_that_is_wrong(tiny: Converted, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = tiny.manifest
    assert list(texts.find_mode_problems(tiny.folder, manifest)) == []
    mode, _ = mode_of(tiny.folder)
    exact = next(guard.execution_modes(tiny.folder, manifest, DeviceOptions(), EXACTLY))
    with_faulty_decoder(mode.sessions, nan_in_last_row)
    monkeypatch.setattr(
        texts, "execution_modes", lambda folder, manifest, options, policy: iter([exact if policy is EXACTLY else mode])
    )
    found = list(texts.find_mode_problems(tiny.folder, manifest))
    assert found
    assert not any(problem.startswith("--exact") for problem in found)
    assert any(problem.startswith("as licensed: rows of a batch") for problem in found)


def test_texts_of_another_arithmetic_are_as_likely(real_tiny_en: Converted, monkeypatch: pytest.MonkeyPatch) -> None:
    """In bf16 tiny.en finds another text in the probe, which is as good; with flat logits it finds none that is."""
    folder, manifest = real_tiny_en.folder, real_tiny_en.manifest
    assert list(texts.find_mode_problems(folder, manifest)) == []
    mode, _ = mode_of(folder)
    exact = next(guard.execution_modes(folder, manifest, DeviceOptions(), EXACTLY))
    with_faulty_decoder(mode.sessions, lambda logits: logits / 2)
    monkeypatch.setattr(
        texts, "execution_modes", lambda folder, manifest, options, policy: iter([exact if policy is EXACTLY else mode])
    )
    monkeypatch.setattr(texts, "find_fault", lambda *of: None)
    (found,) = texts.find_mode_problems(folder, manifest)
    assert re.fullmatch("one by one: .* nats a token less likely here", found)


def test_texts_of_graphs_that_take_one_row(real_tiny_en: Converted, tmp_path: Path) -> None:
    static = reshape(real_tiny_en.folder, tmp_path / "static", Bounds(shapes="static"))
    assert static.shapes.batch == (1, 1)
    assert list(texts.find_mode_problems(tmp_path / "static", static)) == []


def test_ways_differ_from_each_other(tiny: Converted) -> None:
    """In f32 attention over the audio is never int8: leaving it out would be tried twice."""

    def names_of(options: DeviceOptions) -> list[str]:
        return [mode.name for mode in guard.execution_modes(tiny.folder, tiny.manifest, options, AS_LICENSED)]

    own = ["without approximations", "with its own graphs in f32"]
    assert names_of(DeviceOptions(precision="f32")) == ["as licensed", *own]
    assert names_of(DeviceOptions(precision="bf16")) == ["as licensed", "without int8 attention", *own]


def test_distance_of_logits() -> None:
    logits = np.random.default_rng(0).standard_normal((4, 100)).astype(np.float32)
    assert logits_distance(logits + 3, logits) < 1e-5  # softmax does not see it
    assert logits_distance(logits * 2, logits) == pytest.approx(1, abs=1e-4)
    assert logits_distance(np.full_like(logits, np.nan), logits) == np.inf


def test_row_tolerances() -> None:
    def check(in_f32: float, by_others: float, batch_to_f32: float) -> None:
        figures = {"in_f32": in_f32, "by_others": by_others, "batch_to_f32": batch_to_f32}
        arithmetic.require_equal_rows(RowCheck(batches=[2], in_default=0.02, default_to_f32=0.03, **figures), "bf16")

    check(1e-5, 0.002, 0.04)  # few rows may be rounded otherwise than many
    for figures in ((2e-4, 0, 0.03), (0, 0.004, 0.03), (0, float("inf"), 0.03), (0, 0, 0.05), (0, 0, float("nan"))):
        with pytest.raises(NotEqualError):
            check(*figures)


def test_a_batch_at_first_use_has_the_tolerances_of_conversion() -> None:
    assert batch_fault(0.002, 0.04, 0.03) is None
    assert (
        batch_fault(0.004, 0.03, 0.03)
        == "rows of a batch depend on each other: logits differ by 0.004, 0.003 is allowed"
    )
    assert batch_fault(0, 0.05, 0.03) == "rows of a batch are 0.05 from f32, 0.045 is allowed"
    assert batch_fault(0, float("nan"), 0.03) is not None
    assert batch_fault(float("nan"), 0.03, 0.03) is not None


def test_packed_arrays_come_back() -> None:
    values = np.random.default_rng(0).standard_normal((2, 3, 5)).astype(np.float32)
    packed = pack_array(values)
    assert np.allclose(unpack_array(type(packed)(**json.loads(packed.model_dump_json()))), values, rtol=1e-3)
