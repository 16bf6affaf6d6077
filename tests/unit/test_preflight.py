"""A conversion that will not fit is refused before it begins."""

from pathlib import Path

import pytest
from support.tiny_whisper import convert_one

from ovw.artifact.check import find_problems
from ovw.artifact.manifest import read_manifest
from ovw.artifact.precisions import PRECISIONS
from ovw.config import read_yaml, resolve
from ovw.convert import pipeline, preflight
from ovw.convert.builder import ArtifactBuilder
from ovw.convert.compression.recipe import recipe_for
from ovw.convert.compression.selection import CompressionSelection
from ovw.convert.config import ConvertConfig
from ovw.convert.parity import COMPRESSED
from ovw.convert.pipeline import convert
from ovw.convert.plan import Converted, plan_jobs
from ovw.convert.preflight import artifact_bytes, memory_bytes
from ovw.errors import OvwError, UsageError
from ovw.memory import FreeMemory
from ovw.models import find_size, sizes

GB = 1_000_000_000
MEASURED = [
    ("tiny", "fp16", "genai", "graph", 0.70),
    ("base", "fp16", "genai", "graph", 0.83),
    ("small", "fp16", "genai", "graph", 1.32),
    ("large-v3", "fp16", "genai", "graph", 4.88),
    ("small", "fp32", "genai", "graph", 2.08),
    ("medium", "fp32", "genai", "graph", 4.75),
    ("small", "int8", "genai", "graph", 1.83),
    ("medium", "int8", "genai", "graph", 4.11),
    ("small", "int8-ptq", "genai", "graph", 3.29),
    ("medium", "int8-ptq", "genai", "graph", 9.24),
    ("small", "int4", "genai", "graph", 1.83),
    ("small", "fp16", "stateless", "graph", 2.25),
    ("small", "fp16", "whispercpp", "graph", 1.09),
    ("small", "fp16", "genai", "onnx", 3.30),
    ("small", "fp16", "onnx", "onnx", 3.39),
    ("medium", "fp16", "onnx", "onnx", 9.15),
    ("large-v3-turbo", "fp16", "onnx", "onnx", 8.11),
]
"""Peak resident memory of a process that made one artifact of random weights (`ru_maxrss`, x86-64 Linux), in GB."""


def limit(monkeypatch: pytest.MonkeyPatch, memory: float, disk: float = 999 * GB) -> None:
    """Let there be just so much memory and disk, and no work."""
    monkeypatch.setattr(preflight, "free_memory", lambda: FreeMemory(int(memory), "in this container"))
    monkeypatch.setattr(preflight.shutil, "disk_usage", lambda path: type("U", (), {"free": int(disk)})())
    monkeypatch.setattr(pipeline, "load_checkpoint", lambda *args, **named: pytest.fail("work began"))


def refusal(config: ConvertConfig) -> OvwError:
    with pytest.raises(OvwError) as refused:
        list(convert(config))
    return refused.value


def test_too_little_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limit(monkeypatch, memory=2 * GB)
    sizes_asked = ("tiny", "large-v3", "base")
    error = refusal(ConvertConfig(size=sizes_asked, weights="random", output=tmp_path))
    assert error.message.startswith("large-v3-random fp16 genai needs ")
    assert error.message.endswith(" GB of memory, 2.0 GB is free in this container")
    assert "(small fits)" in error.hint
    assert "--skip-memory-check" in error.hint
    assert not list(tmp_path.iterdir())


def test_memory_for_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limit(monkeypatch, memory=GB / 10)
    error = refusal(ConvertConfig(size="tiny", weights="random", output=tmp_path))
    assert error.hint.startswith("free some memory, or ")


def test_the_check_can_be_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limit(monkeypatch, memory=0)
    with pytest.raises(pytest.fail.Exception, match="work began"):
        list(convert(ConvertConfig(size="tiny", weights="random", output=tmp_path, skip_memory_check=True)))


def test_a_system_that_does_not_tell_is_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limit(monkeypatch, memory=0)
    monkeypatch.setattr(preflight, "free_memory", lambda: None)
    with pytest.raises(pytest.fail.Exception, match="work began"):
        list(convert(ConvertConfig(size="tiny", weights="random", output=tmp_path)))


def test_memory_for_weights_of_unknown_size(tmp_path: Path, tiny_pt: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "free_memory", lambda: FreeMemory(0, "on this machine"))
    monkeypatch.setattr(ArtifactBuilder, "build", lambda *args: pytest.fail("work began"))
    error = refusal(ConvertConfig(weights=str(tiny_pt), output=tmp_path / "out"))
    assert error.message.startswith("tiny-random fp16 genai needs ")
    both = ConvertConfig(weights=str(tiny_pt), precision=("fp32", "fp16"), output=tmp_path / "out")
    assert refusal(both).message.startswith("2 of 2 artifacts were not made: ")  # the second is checked as well


def test_room_for_what_a_compressed_artifact_is_judged_by(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limit(monkeypatch, memory=99 * GB, disk=0.25 * GB)
    asked = {"size": "base", "precision": "int8", "output": tmp_path}
    assert "the fp32 model to judge by needs" in refusal(ConvertConfig(**asked)).message
    with pytest.raises(pytest.fail.Exception, match="work began"):
        list(convert(ConvertConfig(**asked, gate="none")))
    dims = find_size("base").dims
    (job,) = plan_jobs(ConvertConfig(**asked))
    assert preflight._need(dims, job, ConvertConfig(**asked)) == memory_bytes(dims, "fp32", "genai", "graph", held=True)


@pytest.mark.parametrize("speech", ["gate", "calibration"])
def test_speech_that_is_not_there_is_noticed_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, speech: str
) -> None:
    limit(monkeypatch, memory=99 * GB)
    config = ConvertConfig(size="base", precision="int8-ptq", output=tmp_path, **{speech: "/nonexistent/speech"})
    assert "no dataset '/nonexistent/speech'" in refusal(config).message


def test_what_another_process_has_made_meanwhile_stays(
    tmp_path: Path, tiny_pt: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Calibration may take hours between the first look and the lock."""
    config = ConvertConfig(weights=str(tiny_pt), output=tmp_path / "out")

    def meanwhile(self: CompressionSelection, precision: str) -> None:
        monkeypatch.undo()
        convert_one(ConvertConfig(weights=str(tiny_pt), precision="fp32", output=tmp_path / "out"))

    monkeypatch.setattr(CompressionSelection, "compressor_of", meanwhile)
    assert "was made by another process meanwhile" in refusal(config).message
    assert read_manifest(tmp_path / "out").precision == "fp32"


def test_a_finished_artifact_stays_where_other_things_have_come_meanwhile(
    tmp_path: Path, tiny_pt: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "out"

    def meanwhile(self: CompressionSelection, precision: str) -> None:
        target.mkdir()
        (target / "photo.jpg").write_text("precious")

    monkeypatch.setattr(CompressionSelection, "compressor_of", meanwhile)
    (tmp_path / "out-2").write_text("precious")
    error = refusal(ConvertConfig(weights=str(tiny_pt), output=target))
    assert "other things in it by now" in error.message
    assert f"what was made is {tmp_path / 'out-3'}" in error.message
    assert find_problems(tmp_path / "out-3") == []
    assert {path.name for path in tmp_path.iterdir() if not path.name.endswith(".lock")} == {"out", "out-2", "out-3"}
    assert [path.name for path in target.iterdir()] == ["photo.jpg"]


def test_disk_for_all_artifacts_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limit(monkeypatch, memory=99 * GB, disk=GB)
    asked = ("tiny", "base", "small")
    alone = ConvertConfig(size="small", weights="random", output=tmp_path)
    with pytest.raises(pytest.fail.Exception, match="work began"):
        list(convert(alone))
    error = refusal(ConvertConfig(size=asked, weights="random", precision=("fp16", "fp32"), output=tmp_path))
    assert f"what goes to {tmp_path} needs 2" in error.message
    assert "has 1000 MB free" in error.message


def test_what_is_there_needs_no_room(tmp_path: Path, tiny_pt: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = ConvertConfig(weights=str(tiny_pt), output=tmp_path / "out")
    convert_one(config)
    monkeypatch.setattr(preflight, "free_memory", lambda: FreeMemory(0, "on this machine"))
    assert not convert_one(config).fresh
    assert refusal(config.model_copy(update={"force": True})).message.startswith("tiny-random fp16 genai needs ")


def test_an_artifact_has_the_size_that_was_estimated(tiny: Converted) -> None:
    estimate = artifact_bytes(tiny.manifest.dimensions(), "fp16", "genai")
    assert tiny.size_mb * 1e6 < estimate < tiny.size_mb * 1e6 + preflight.TOKENIZER_BYTES


def test_the_configuration_of_all_sizes_has_all() -> None:
    root = Path(__file__).resolve().parents[2]
    listed = read_yaml(root / "configs" / "convert" / "all-sizes.yaml")["size"]
    assert [find_size(name).name for name in listed] == list(sizes())


@pytest.mark.parametrize(("name", "precision", "layout", "frontend", "peak_gb"), MEASURED)
def test_estimates_are_a_little_above_what_was_measured(
    name: str, precision: str, layout: str, frontend: str, peak_gb: float
) -> None:
    estimate = memory_bytes(find_size(name).dims, precision, layout, frontend, held=False) / GB
    assert peak_gb < estimate < 1.25 * peak_gb + 0.2


def test_what_compresses_has_a_tolerance_and_a_recipe() -> None:
    compressed = {name for name, row in PRECISIONS.items() if row.compressed}
    assert compressed == {*COMPRESSED} == {name for name in PRECISIONS if recipe_for(name, None)}
    assert len({row.preference for row in PRECISIONS.values()}) == len(PRECISIONS)


@pytest.mark.parametrize(
    ("text", "flags", "is_from_file"),
    [
        ("precision: int9", {"size": "tiny"}, True),
        ("size: tiny", {"precision": "int9"}, False),
        ("{size: tiny, precision: int8}", {"precision": "int9"}, False),
    ],
)
def test_an_unknown_precision_of_a_file_is_reported_with_it(
    tmp_path: Path, text: str, flags: dict, is_from_file: bool
) -> None:
    file = tmp_path / "cv.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError) as found:
        resolve(ConvertConfig, flags, file)
    assert found.value.message == "no precision 'int9'" + (f" in {file}" if is_from_file else "")
    assert "int8" in found.value.hint


def test_an_unknown_precision_has_no_estimate_of_another() -> None:
    with pytest.raises(UsageError, match="no precision 'int3'"):
        memory_bytes(find_size("tiny").dims, "int3", "genai", "graph", held=False)
