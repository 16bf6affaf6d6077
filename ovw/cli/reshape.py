"""`ovw reshape`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ovw.cli import options
from ovw.cli.console import Terminal
from ovw.cli.values import given


def run(
    context: typer.Context,
    model: Annotated[str, typer.Argument(help="An artifact folder, or the name of an installed artifact.")],
    output: Annotated[Path, options.output("--output", "-o", text="Folder of the new artifact.")],
    shapes: options.ShapeKind = None,
    batch: options.Batch = None,
    tokens: options.Tokens = None,
    cache: options.Cache = None,
    frames: options.Frames = None,
    force: options.Force = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the folder only.")] = False,
) -> None:
    """Give an artifact other shapes, without its checkpoint.

    The weights stay as they are. The new artifact is put in place once it gives the same transcript of a bundled clip.
    """
    from ovw.artifact.locate import locate
    from ovw.config import resolve
    from ovw.convert.graphs.shapes import Bounds
    from ovw.convert.reshape import reshape

    flags = given(context, Bounds)
    bounds = resolve(Bounds, {"shapes": "bounded"} | flags if flags else {})
    folder = locate(model)
    manifest = reshape(folder, output, bounds, force=force)
    terminal = Terminal(quiet=quiet)
    terminal.result(str(output))
    terminal.detail(f"  {manifest.name} {manifest.precision} {manifest.layout}\n  {manifest.shapes}")
