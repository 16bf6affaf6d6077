"""`ovw reshape`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def run(
    model: Annotated[str, typer.Argument(help="An artifact folder, or the name of an installed artifact.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the new artifact.")],
    shapes: Annotated[
        str | None, typer.Option(help="dynamic, bounded or static. Default: bounded with bounds, else dynamic.")
    ] = None,
    batch: Annotated[str | None, typer.Option(help="Rows, such as 1..5 (or 1:5); one number if static.")] = None,
    tokens: Annotated[str | None, typer.Option(help="Tokens in a call of the decoder. Default 1..448.")] = None,
    cache: Annotated[str | None, typer.Option(help="Positions of a cache that is an input. Default 0..448.")] = None,
    frames: Annotated[str | None, typer.Option(help="Mel frames of a window, 100 a second. Default 1..3000.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an artifact, once the new one has passed.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the folder only.")] = False,
) -> None:
    """Give an artifact other shapes, without its checkpoint.

    The weights stay as they are. The new artifact is put in place once it gives the same transcript of a bundled clip.
    """
    from ovw.artifact.locate import locate
    from ovw.config import resolve
    from ovw.convert.graphs.reshape import reshape
    from ovw.convert.graphs.shapes import Bounds

    given = {"batch": batch, "tokens": tokens, "cache": cache, "frames": frames}
    kind = shapes or ("bounded" if any(given.values()) else None)
    bounds = resolve(Bounds, given | {"shapes": kind})
    folder = locate(model)
    manifest = reshape(folder, output, bounds, force=force)
    typer.echo(str(output))
    if not quiet:
        typer.echo(f"  {manifest.name} {manifest.precision} {manifest.layout}\n  {manifest.shapes}")
