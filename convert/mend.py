"""Repair an existing artifact without its checkpoint."""

from __future__ import annotations

import shutil
from pathlib import Path

import openvino as ov

from ovw.artifact.arithmetic import Arithmetic
from ovw.artifact.check import file_problems
from ovw.artifact.hashing import hash_folder
from ovw.artifact.layouts import layout_row
from ovw.artifact.manifest import Manifest, read_manifest, write_manifest
from ovw.artifact.masks import decoders_without_batch, give_masks_the_batch
from ovw.artifact.staging import staged_folder
from ovw.convert.arithmetic import measure_arithmetic
from ovw.errors import OvwError
from ovw.transcribe.selftest import golden_differences


def mend(folder: Path) -> Manifest:
    """Give the masks of its decoder the batch axis, and measure anew how the artifact computes outside of f32.

    The weights and everything else stay as they are. The repaired artifact takes the place of the old one once it has
    passed the gates of a conversion that need no checkpoint.

    Args:
        folder: of the artifact.

    Returns:
        The new manifest.

    Raises:
        OvwError: files are damaged, which only another conversion repairs, or the repaired artifact differs.
    """
    manifest = read_manifest(folder)
    if problems := file_problems(folder, manifest):
        raise OvwError(f"{folder}: {problems[0]}", "convert again with --force: only masks and measurements are mended")
    with staged_folder(folder) as scratch:
        wrong = decoders_without_batch(folder)
        for name in manifest.files:
            if name not in wrong and Path(name).with_suffix(".xml").name not in wrong:
                (scratch / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(folder / name, scratch / name)
        for name in wrong:
            model = ov.Core().read_model(folder / name)
            give_masks_the_batch(model)
            ov.save_model(model, scratch / name, compress_to_fp16=False)
        if differences := golden_differences(scratch, manifest, manifest.golden):
            raise OvwError(f"the repaired artifact differs: {differences[0]}", "nothing was written; please report it")
        mended = manifest.model_copy(
            update={"files": hash_folder(scratch), "arithmetic": remeasured(scratch, manifest)}
        )
        write_manifest(mended, scratch)
    return mended


def remeasured(folder: Path, manifest: Manifest) -> Arithmetic | None:
    """Measurements of an artifact outside of f32; raises as `measure_arithmetic`."""
    if not layout_row(manifest.layout).decodes:
        return None
    graphs = (manifest.layout, manifest.frontend, manifest.shapes, manifest.dimensions())
    measured = manifest.source.kind != "random"
    return measure_arithmetic(folder, *graphs, approximations=measured)
