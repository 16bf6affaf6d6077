"""Operations and bytes of the graphs, and what the machine allows."""

from collections.abc import Callable
from pathlib import Path

import pytest
from support.bench_rounds import metric
from support.foreign_folder import traced_copy, two_graph_copy

from ovw.benchmark.roofline.graph_cost import count, decoder_work, encoder_work, graph_files
from ovw.benchmark.roofline.peaks import _product, _quantized_product
from ovw.benchmark.roofline.roofs import add_shares, bandwidth, better_peaks, roof, roofline_rows
from ovw.convert.pipeline import Converted
from ovw.models import Dims
from ovw.record import Case


def encoder_flops(dims: Dims, frames: int, batch: int = 1) -> float:
    """The closed formula of Whisper's encoder: two convolutions, projections, attention and MLP of every layer."""
    state, positions = dims.n_audio_state, frames // 2
    convolutions = 2 * 3 * (frames * dims.n_mels * state + positions * state * state)
    layer = 2 * positions * 12 * state * state + 2 * 2 * positions * positions * state
    return float(batch * (convolutions + dims.n_audio_layer * layer))


@pytest.mark.parametrize(("frames", "batch"), [(3000, 1), (1280, 1), (500, 3)])
def test_operations_of_the_encoder(tiny: Converted, tiny_v3: Converted, frames: int, batch: int) -> None:
    for made in (tiny, tiny_v3):
        dims = made.manifest.dimensions()
        work = encoder_work(graph_files(made.folder)[0], [batch, dims.n_mels, frames], "bf16")
        assert work.flops == {"float": encoder_flops(dims, frames, batch), "int8": 0.0}


@pytest.mark.weights
def test_operations_of_base(base: Converted) -> None:
    work = encoder_work(graph_files(base.folder)[0], [1, 80, 3000], "f32")
    assert work.flops["float"] == pytest.approx(87.37e9, rel=1e-3)
    weights = 4 * (6 * 12 * 512**2 + 3 * 80 * 512 + 3 * 512**2)
    assert work.bytes == pytest.approx(weights + 4 * (80 * 3000 + 1500 * 512))


def test_operations_of_the_decoder(tiny: Converted) -> None:
    dims, xml = tiny.manifest.dimensions(), graph_files(tiny.folder)[1]
    d, v, layers, positions = dims.n_text_state, dims.n_vocab, dims.n_text_layer, 1500
    for rows, audio, cached in ((1, 1, 7), (5, 1, 100), (4, 2, 400)):
        work = decoder_work(xml, dims, rows, 1, cached, [audio, positions, d], "bf16")
        layer = 2 * (4 + 2 + 8) * d * d + 4 * d * (cached + 1) + 4 * d * positions
        assert work.flops["float"] == rows * (layers * layer + 2 * d * v)
        weights = 2 * (layers * 14 * d * d + d * v)
        caches = 2 * 2 * layers * d * (rows * cached + audio * positions)
        assert work.bytes == pytest.approx(weights + caches + rows * (2 * v + 8 + 4))
    first = decoder_work(xml, dims, 1, 4, 0, [1, positions, d], "bf16")
    later = decoder_work(xml, dims, 1, 4, 4, [1, positions, d], "bf16")
    projections = layers * 2 * 2 * positions * d * d
    assert first.flops["float"] - later.flops["float"] == projections - layers * 4 * d * 4 * 4


@pytest.mark.parametrize("copy", [traced_copy, two_graph_copy])
def test_operations_of_other_programs(tiny: Converted, tmp_path: Path, copy: Callable[..., Path]) -> None:
    dims, xml = tiny.manifest.dimensions(), graph_files(tiny.folder)[1]
    other = graph_files(copy(tiny, tmp_path / "export"))[1]
    for tokens, cached in ((4, 0), (1, 7)):
        ours, theirs = (
            decoder_work(one, dims, 1, tokens, cached, [1, 1500, dims.n_text_state], "f32") for one in (xml, other)
        )
        assert theirs.flops == ours.flops
        assert theirs.bytes == pytest.approx(ours.bytes, rel=0.02)


def test_products_in_8_bit_are_told_apart() -> None:
    assert count(_quantized_product(3, 5, 7), 2).flops == {"float": 0.0, "int8": 2.0 * 3 * 5 * 7}
    plain = count(_product(3, 5, 7), 2)
    assert plain.flops == {"float": 2.0 * 3 * 5 * 7, "int8": 0.0}
    assert plain.bytes == 2 * (3 * 5 + 5 * 7 + 3 * 7)
    assert count(_quantized_product(3, 5, 7), 2).bytes == 5 * 7 + 2 * (3 * 5 + 3 * 7)


PEAKS = {"gflops": {"f32": 100.0, "bf16": 200.0, "int8": 400.0}, "gbps": [[4, 60.0], [64, 30.0]]}


def test_roofs() -> None:
    assert bandwidth(1e6, PEAKS["gbps"]) == bandwidth(5e6, PEAKS["gbps"]) == 60.0
    assert bandwidth(1e9, PEAKS["gbps"]) == 30.0
    compute = roof({"float": 2e9, "int8": 4e9, "bytes": 6e6}, "bf16", PEAKS)
    assert (compute.bound, compute.seconds) == ("compute", pytest.approx(0.02))
    memory = roof({"float": 1e6, "int8": 0, "bytes": 3e8}, "f32", PEAKS)
    assert (memory.bound, memory.seconds) == ("memory", pytest.approx(0.01))
    assert roof({"float": 1, "int8": 0, "bytes": 1}, "f16", PEAKS) is None
    better = better_peaks(PEAKS, {"gflops": {"f32": 110.0, "bf16": 1.0}, "gbps": [[4, 1.0], [64, 31.0]]})
    assert better == {"gflops": {"f32": 110.0, "bf16": 200.0, "int8": 400.0}, "gbps": [[4, 60.0], [64, 31.0]]}
    case = Case(
        name="c",
        facts={"encoder_precision": "bf16", "work": {"encoder": {"float": 2e9, "int8": 0, "bytes": 6e6}}},
        metrics={"encoder": metric([20.0])},
    )
    assert add_shares(case, PEAKS).metrics["encoder_roofline"].value == pytest.approx(50)
    (row,) = roofline_rows(case, PEAKS)
    assert (row["bound"], row["gflops"], row["percent"]) == ("compute", 100.0, 50.0)
