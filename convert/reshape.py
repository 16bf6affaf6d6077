"""Give an existing artifact other shapes, without its checkpoint."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import openvino as ov

from ovw.artifact.check import find_problems
from ovw.artifact.graphs import GraphSpec
from ovw.artifact.hashing import hash_folder
from ovw.artifact.layouts import graphs_of, layout_row
from ovw.artifact.locate import check_not_made_meanwhile, check_target, check_target_again, is_artifact
from ovw.artifact.manifest import Manifest, Shapes, read_manifest, write_manifest
from ovw.artifact.names import GGML_ENCODER_ENDING, ggml_stem
from ovw.artifact.staging import staged_folder
from ovw.convert.graphs.shapes import Bounds, apply_shapes
from ovw.convert.layouts.whispercpp import link_encoder
from ovw.convert.mend import remeasured
from ovw.errors import OvwError, UsageError
from ovw.transcribe.selftest import golden_differences, run_golden


def reshape(source: Path, target: Path, bounds: Bounds, *, force: bool = False) -> Manifest:
    """Write an artifact as another one with other shapes.

    No weight changes, so the parity figures are those of the source. Both artifacts have to give the same transcript
    of the bundled clip before the new one is put in place.

    Args:
        source: folder of the artifact.
        target: folder to be.
        bounds: what the graphs shall take.
        force: replace an artifact that is there.

    Raises:
        OvwError: the source is damaged, the shapes are beyond it, or the new artifact's self-test differs.
    """
    check_target(target)
    if is_artifact(target) and not force:
        raise OvwError(f"{target} already holds an artifact", "--force replaces it")
    old = read_manifest(source)
    if problems := find_problems(source):
        raise OvwError(f"{source}: {problems[0]}", f"ovw verify {source} lists everything")
    if bounds.cache and layout_row(old.layout).cache == "inside":
        raise UsageError(f"{source} has its cache inside the decoder: --cache has no place", "leave it out")
    new = old.model_copy(update={"shapes": bounds.resolve(old.dimensions(), old.layout)})
    _check_possible(source, old, new)
    with staged_folder(target) as folder:
        check_not_made_meanwhile(target, force=force)
        _write_files(source, folder, new)
        _compare(source, old, folder, new)
        made = {"golden": run_golden(folder, new), "created": datetime.now(UTC).isoformat(timespec="seconds")}
        made["arithmetic"] = remeasured(folder, new)
        manifest = new.model_copy(update={**made, "files": hash_folder(folder)})
        write_manifest(manifest, folder)
        check_target_again(folder, target)
    return manifest


def _check_possible(source: Path, old: Manifest, new: Manifest) -> None:
    row = layout_row(old.layout)
    if row.shapes == ("dynamic",):
        raise UsageError(
            f"{source} has the {old.layout} layout, which is dynamic as it is", "reshape an artifact of IR"
        )
    if row.cache == "ports" and (old.shapes.kind == "static") != (new.shapes.kind == "static"):
        raise UsageError(
            f"a stateless decoder with {new.shapes.kind} shapes is another graph than one with {old.shapes.kind} ones",
            f"ovw convert --layout stateless --shapes {new.shapes.kind}",
        )


def _compare(source: Path, old: Manifest, folder: Path, new: Manifest) -> None:
    """Require equal self-tests of two artifacts, by way of a third where no window fits both.

    Raises:
        OvwError: they differ.
    """
    window = _common_window(old.shapes, new.shapes)
    if window is None:
        lows, highs = zip(old.shapes.frames, new.shapes.frames, strict=True)
        wide = new.shapes.model_copy(update={"frames": (min(lows), max(highs))})
        between = new.model_copy(update={"shapes": wide})
        with TemporaryDirectory(prefix=".wide-", dir=folder) as scratch:
            _write_files(source, Path(scratch), between)
            _compare(source, old, Path(scratch), between)
            _compare(Path(scratch), between, folder, new)
        return
    before = run_golden(source, _in_window(old, window))
    if differences := golden_differences(folder, _in_window(new, window), before):
        raise OvwError(f"the new artifact differs: {differences[0]}", "nothing was written; please report it")


def _common_window(old: Shapes, new: Shapes) -> Shapes | None:
    """The largest window and cache that both take; `None` without a window that both take."""
    ends = (min(old.frames[1], new.frames[1]),) * 2
    if ends[0] < max(old.frames[0], new.frames[0]):
        return None
    caches = [shapes.cache for shapes in (old, new) if shapes.cache]
    return new.model_copy(update={"frames": ends, "cache": min(caches, key=lambda c: c[1]) if caches else None})


def _in_window(manifest: Manifest, window: Shapes) -> Manifest:
    """An artifact whose self-test cuts the clip to a window."""
    shapes = manifest.shapes.model_copy(update={"frames": window.frames, "cache": window.cache})
    return manifest.model_copy(update={"shapes": shapes})


def _write_files(source: Path, folder: Path, new: Manifest) -> None:
    """Write the graphs anew, copy everything else, and give whisper.cpp's encoder its further names."""
    graphs, encoders = {graph.file: graph for graph in graphs_of(new)}, _ggml_encoders(new)
    for name in new.files:
        if name in graphs:
            _reshape_graph(source / name, folder / name, graphs[name], new.shapes)
        elif Path(name).with_suffix(".xml").name not in {*graphs, *encoders}:
            shutil.copy2(source / name, folder / name)
    link_encoder(folder, ggml_stem(new.name), encoders.values())


def _ggml_encoders(manifest: Manifest) -> dict[str, str]:
    """File -> stem of the ggml file that it belongs to."""
    ending = f"{GGML_ENCODER_ENDING}.xml"
    return {name: name.removesuffix(ending) for name in manifest.files if name.endswith(ending)}


def _reshape_graph(source: Path, target: Path, graph: GraphSpec, shapes: Shapes) -> None:
    """Write an IR with the ports of `graph`; its weights stay as they are stored."""
    model = apply_shapes(ov.Core().read_model(source), graph)
    model.set_rt_info(str(shapes), ["ovw", "shapes"])
    ov.save_model(model, target, compress_to_fp16=False)
