"""`ovw verify`."""

from __future__ import annotations

from typing import Annotated

import typer


def run(
    model: Annotated[str, typer.Argument(help="An artifact folder, or the name of an installed artifact.")],
) -> None:
    """Check an artifact: hashes, layout, shapes, and its transcript of a bundled clip."""
    from ovw.artifact.check import find_problems
    from ovw.artifact.decoding import describe_decoding
    from ovw.artifact.locate import locate
    from ovw.artifact.manifest import read_manifest
    from ovw.engines.layouts import open_layout
    from ovw.transcribe.selftest import find_golden_problems

    folder = locate(model)
    assert folder is not None
    problems = find_problems(folder) or find_golden_problems(folder, open_layout)
    if problems:
        for problem in problems:
            typer.echo(f"{folder}: {problem}", err=True)
        typer.echo(f"ovw: {folder} is damaged: {len(problems)} problem(s). Hint: convert again with --force.", err=True)
        raise typer.Exit(1)
    manifest = read_manifest(folder)
    decoding = f"\n  decoding: {text}" if (text := describe_decoding(folder)) else ""
    typer.echo(
        f"{folder}: good\n"
        f"  {manifest.name} {manifest.precision}, {len(manifest.files)} files with the hashes of {manifest.created}\n"
        f"  layout {manifest.layout}, shapes {manifest.shapes}\n"
        f"  self-test: {manifest.golden.hidden or repr(manifest.golden.text)}"
        f"{decoding}"
    )
