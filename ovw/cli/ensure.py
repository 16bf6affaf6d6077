"""Have a model: the one that was asked for, or an offer to convert it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ovw.api.request import check_request
from ovw.artifact.locate import OFFERED, default_artifact, installed, is_path, load_manifest, locate_or_default, of_size
from ovw.artifact.precisions import PRECISIONS
from ovw.errors import OvwError
from ovw.extras import require_extra
from ovw.home import models_dir
from ovw.hub import is_reference
from ovw.models import Capabilities, full_name, size_name, sizes

if TYPE_CHECKING:
    from ovw.artifact.manifest import Manifest
    from ovw.cli.console import Terminal
    from ovw.transcribe.options import TranscribeOptions


def ensure_model(model: str | None, options: TranscribeOptions, terminal: Terminal, *, yes: bool) -> Path:
    """The artifact folder to run, converted now if it is missing and the user agrees.

    Args:
        model: the value of `-m`.
        options: what it will be asked for.
        terminal: shows the conversion.
        yes: convert without asking.

    Raises:
        OvwError: nothing to run, or a model that cannot do what is asked.
    """
    convertible = missing_size(model)
    if convertible:
        size, precision = convertible
        check_request(size, sizes()[size].capabilities, options)
        return _offer(size, precision, terminal, yes=yes)
    folder = find_model(model, terminal)
    manifest = load_manifest(folder)
    check_request(folder.name, Capabilities(tuple(manifest.languages), manifest.translate), options)
    return folder


def find_model(model: str | None, terminal: Terminal) -> Path:
    """The folder that `-m` means, or the default one; that of a repository of the hub is fetched, with a bar.

    Raises:
        OvwError: as `ovw.artifact.locate.locate_or_default`.
    """
    if model is None or not is_reference(model):
        return locate_or_default(model)
    from ovw.artifact.exports import fetch_export

    with terminal.bar(model) as bar:
        return fetch_export(model, bar.downloaded)


def pytorch_file(manifest: Manifest) -> Path:
    """The checkpoint of an artifact as a `.pt` file, found or made.

    Raises:
        OvwError: the packages that read checkpoints are not installed, or it is not to be found here any more.
    """
    require_extra("convert")
    from ovw.convert import pytorch_file as checkpoints

    return checkpoints.pytorch_file(manifest)


def missing_size(model: str | None) -> tuple[str, str] | None:
    """Size and precision of a named artifact that is not here but could be made; `None` for everything else."""
    if (model is None and default_artifact() is not None) or (model is not None and is_reference(model)):
        return None
    if model is not None and (size := size_name(model)):
        return None if of_size(model) or Path(model).is_dir() else (size, OFFERED[1])
    name = full_name(model or "-".join(OFFERED))
    if model is not None and (is_path(model) or any(p.is_dir() for p in (Path(model), models_dir() / name))):
        return None
    size, _, precision = name.rpartition("-")
    return (size, precision) if size in sizes() and precision in PRECISIONS else None


def _offer(size: str, precision: str, terminal: Terminal, *, yes: bool) -> Path:
    command = f"ovw convert --size {size} --{precision}"
    if not yes:
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            others = ", ".join(artifact.name for artifact in installed())
            named = f", or name one with -m: {others}" if others else ""
            raise OvwError(f"no artifact {size}-{precision} is installed", f"{command}, or add --yes{named}")
        if not typer.confirm(f"No artifact {size}-{precision} is installed. Convert it now ({command})?", err=True):
            raise OvwError("nothing to run", command)
    from ovw.cli.convert import convert_size

    made = convert_size(size, precision, terminal)
    terminal.note(f"converted {made.folder} in {made.seconds:.1f} s")
    return made.folder
