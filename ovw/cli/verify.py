"""`ovw verify`."""

from __future__ import annotations

from typing import Annotated

import typer


def run(
    model: Annotated[str, typer.Argument(help="An artifact folder, or the name of an installed artifact.")],
    mend: Annotated[
        bool,
        typer.Option(
            "--mend",
            help="First repair what needs no checkpoint: attention masks of earlier versions, and the measurements of"
            " batches and approximations, which are made anew.",
        ),
    ] = False,
) -> None:
    """Check an artifact: hashes, layout, shapes, and its transcript of a bundled clip.

    The transcript is made in f32 and in every way that the runner has on this machine: one by one, with beams, in
    batches, and with --exact.
    """
    from ovw.artifact.check import MASKS, find_problems
    from ovw.artifact.decoding import describe_decoding
    from ovw.artifact.locate import locate
    from ovw.artifact.manifest import read_manifest
    from ovw.runtime.fast.compiled import sweep_damaged
    from ovw.runtime.sessions import open_layout
    from ovw.transcribe.checks.texts import find_way_problems
    from ovw.transcribe.selftest import find_golden_problems

    folder = locate(model)
    for path in sweep_damaged():
        typer.echo(
            f"ovw: removed {path}: damaged, or of an earlier ovw; it is compiled anew when it is needed", err=True
        )
    if mend:
        from ovw.convert.graphs.mend import mend as repair

        repair(folder)
    problems = find_problems(folder) or find_golden_problems(folder, open_layout)
    problems = problems or list(find_way_problems(folder, read_manifest(folder)))
    if problems:
        for problem in problems:
            typer.echo(f"{folder}: {problem}", err=True)
        hint = "ovw verify --mend repairs it" if all(MASKS in one for one in problems) else "convert again with --force"
        typer.echo(f"ovw: {folder} is damaged: {len(problems)} problem(s). Hint: {hint}.", err=True)
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
    if manifest.arithmetic:
        typer.echo("\n".join(f"  {line}" for line in manifest.arithmetic.describe()))
