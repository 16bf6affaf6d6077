"""Compiled graphs that are kept on disk."""

import os
import platform
import shutil
import sys
import time
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from ovw.artifact import foreign, ir_names, masks, port_names
from ovw.convert.plan import Converted
from ovw.home import compiled_dir
from ovw.runtime import device, fast, stateless, with_past
from ovw.runtime.device import EXACT, DeviceOptions, instruction_sets
from ovw.runtime.fast import compiled, graphs
from ovw.runtime.fast.decoder import FastDecoder
from ovw.runtime.fast.encoder import FastEncoder
from ovw.transcribe.checks import guard, probe, rows
from ovw.transcribe.exact import AS_LICENSED, EXACTLY

PROMPT = [11, 12, 13]


def logits(folder: Path, made: Converted, device: DeviceOptions) -> np.ndarray:
    """Of a batch of one window, then of one of three, after a filled cache."""
    dims = made.manifest.dimensions()
    encoder, decoder = FastEncoder(folder, device, dims), FastDecoder(folder, device)
    rng = np.random.default_rng(3)
    mels = [rng.standard_normal((1, dims.n_mels, dims.n_frames)).astype(np.float32) * 0.3 for _ in range(3)]
    found = []
    for count in (1, 3):
        decoder.start(encoder(mels[:count]))
        rows = np.arange(count, dtype=np.int32)
        decoder.step(np.array([PROMPT] * count), rows)
        found.append(decoder.step(np.full((count, 1), 14), rows).copy())
    return np.concatenate(found)


def kept() -> list[Path]:
    return sorted(compiled_dir().iterdir()) if compiled_dir().exists() else []


@pytest.fixture
def copy(tiny: Converted, tmp_path: Path, home: Path) -> Path:
    return Path(shutil.copytree(tiny.folder, tmp_path / "copy"))


@pytest.mark.parametrize("device", [EXACT, DeviceOptions()], ids=["f32", "default"])
def test_the_second_time_nothing_is_made(
    tiny: Converted, copy: Path, device: DeviceOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = logits(copy, tiny, device)
    assert len(kept()) == 2
    monkeypatch.setattr(compiled, "compile_model", None)
    assert np.array_equal(logits(copy, tiny, device), first)


def test_a_graph_is_kept_for_what_it_was_made_of(tiny: Converted, copy: Path) -> None:
    logits(copy, tiny, EXACT)
    for other in (DeviceOptions(), EXACT.model_copy(update={"threads": 1})):
        before = len(kept())
        logits(copy, tiny, other)
        assert len(kept()) == before + 2
    weights = copy / "openvino_decoder_model.bin"
    os.utime(weights, (1, 1))
    before = len(kept())
    logits(copy, tiny, EXACT)
    assert len(kept()) == before + 2


def test_a_processor_of_the_same_name_makes_its_own(
    tiny: Converted, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a home that comes with a container's image is used on several."""
    assert "fpu" in instruction_sets() or platform.machine() != "x86_64" or sys.platform != "linux"
    logits(copy, tiny, DeviceOptions())
    monkeypatch.setattr(compiled, "instruction_sets", lambda: "flags: avx2")
    logits(copy, tiny, DeviceOptions())
    assert len(kept()) == 4


@pytest.mark.parametrize("left", [0, 100, 5000])
def test_a_damaged_one_is_made_again(tiny: Converted, copy: Path, left: int, monkeypatch: pytest.MonkeyPatch) -> None:
    first = logits(copy, tiny, EXACT)
    damaged = kept()
    for file in damaged:
        file.write_bytes(file.read_bytes()[:left])
    assert np.array_equal(logits(copy, tiny, EXACT), first)
    assert kept() == damaged
    monkeypatch.setattr(compiled, "compile_model", None)
    assert np.array_equal(logits(copy, tiny, EXACT), first)


def test_no_flipped_bit_is_believed(tiny: Converted, copy: Path) -> None:
    first = logits(copy, tiny, EXACT)
    one, other = kept()
    rng = np.random.default_rng(5)
    for _ in range(3):
        for file in (one, other):
            damaged = bytearray(file.read_bytes())
            damaged[rng.integers(len(damaged))] ^= 1 << rng.integers(8)
            file.write_bytes(damaged)
        assert np.array_equal(logits(copy, tiny, EXACT), first)
        assert compiled.sweep_damaged() == []  # both were made anew
    one.write_bytes(other.read_bytes())  # whole, but of another graph
    other.write_bytes(b"")
    (foreign := one.with_name("notes.txt")).write_text("mine")
    assert compiled.sweep_damaged() == [one, other]
    assert kept() == [foreign]


def test_unused_ones_go(tiny: Converted, copy: Path) -> None:
    logits(copy, tiny, EXACT)
    unused, used = kept()
    days = time.time() - 86400 * (compiled.UNUSED_DAYS + 1)
    os.utime(unused, (days, days))
    logits(copy, tiny, DeviceOptions())
    assert used in kept()
    assert unused not in kept()


def test_no_place_to_keep_it(tiny: Converted, copy: Path, home: Path) -> None:
    home.mkdir()
    compiled_dir().write_text("a file where a folder should be")
    assert np.isfinite(logits(copy, tiny, EXACT)).all()


def test_too_large_to_keep(tiny: Converted, copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "LARGEST", 1000)
    logits(copy, tiny, EXACT)
    assert not kept()


def test_the_code_is_part_of_what_it_was_made_of(
    tiny: Converted, copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logits(copy, tiny, EXACT)
    changed = Path(shutil.copytree(Path(graphs.__file__).parent, tmp_path / "fast"))
    (changed / "graphs.py").write_text("# different\n")
    monkeypatch.setattr(fast, "__file__", str(changed / "__init__.py"))
    compiled.code_digest.cache_clear()
    logits(copy, tiny, EXACT)
    compiled.code_digest.cache_clear()  # the next test has the real one again
    assert len(kept()) == 4


@pytest.mark.parametrize(
    "module", [device, foreign, ir_names, port_names, with_past], ids=lambda module: module.__name__
)
def test_so_is_code_of_other_rooms(
    module: ModuleType, tiny: Converted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = compiled.fingerprint(tiny.folder, "decoder", EXACT)
    _change(module, tmp_path, monkeypatch)
    assert compiled.fingerprint(tiny.folder, "decoder", EXACT) != before
    compiled.code_digest.cache_clear()


@pytest.mark.parametrize("module", [guard, probe, rows, stateless, masks], ids=lambda module: module.__name__)
def test_outcomes_of_the_check_depend_on_its_code(
    module: ModuleType, tiny: Converted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = guard._fingerprint(tiny.folder, EXACT, AS_LICENSED)
    assert guard._fingerprint(tiny.folder, EXACT, EXACTLY) != before
    _change(module, tmp_path, monkeypatch)
    assert guard._fingerprint(tiny.folder, EXACT, AS_LICENSED) != before
    compiled.code_digest.cache_clear()


def _change(module: ModuleType, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a module have another source."""
    changed = folder / "changed.py"
    changed.write_bytes(Path(str(module.__file__)).read_bytes() + b"# different\n")
    monkeypatch.setattr(module, "__file__", str(changed))
    compiled.code_digest.cache_clear()
