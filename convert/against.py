"""An artifact, or another program's export, against the checkpoint that it claims."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from ovw.artifact.manifest import Manifest, Parity
from ovw.convert.parity import prove, tolerance_for
from ovw.convert.sources.resolve import load_checkpoint
from ovw.errors import NotEqualError
from ovw.models import find_size, is_size


def prove_against(folder: Path, manifest: Manifest, reference: str, *, offline: bool = False) -> Parity:
    """Run the graphs of a folder beside a checkpoint in PyTorch, as conversion does.

    Args:
        folder: with the graphs.
        manifest: its own, or that of `ovw.artifact.foreign`.
        reference: a size, or any source of `ovw convert --weights`.
        offline: fetch nothing.

    Returns:
        The distances, which are within what the precision of the weights allows.

    Raises:
        NotEqualError: they are not, or it has other dimensions; the message holds the figures.
        OvwError: the checkpoint cannot be read.
    """
    named = is_size(reference) and not Path(reference).exists()
    info = find_size(reference) if named else None
    checkpoint = load_checkpoint(info, None if named else reference, offline=offline)
    ours, theirs = manifest.dims, asdict(checkpoint.dims)
    if differing := [f"{name} {ours[name]}, not {theirs[name]}" for name in ours if ours[name] != theirs[name]]:
        raise NotEqualError(
            f"{folder} is not {reference}: {', '.join(differing)}", "name the checkpoint it is made from"
        )
    tolerance = tolerance_for(checkpoint, manifest.precision)
    try:
        parity, _ = prove(folder, checkpoint, tolerance, manifest.layout, manifest.shapes)
    except NotEqualError as error:
        hint = f"it was made from another checkpoint than {reference}, or made wrongly"
        raise NotEqualError(f"{folder}: {error.message}", hint) from error
    return parity
