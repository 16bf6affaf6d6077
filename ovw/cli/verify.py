"""`ovw verify`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ovw.cli import options
from ovw.cli.console import Terminal, warn
from ovw.errors import DAMAGE, NotEqualError, OvwError, UsageError, reason
from ovw.extras import require_extra

if TYPE_CHECKING:
    from ovw.artifact.manifest import Manifest, Parity

IN_MEMORY = "ovw mends that in memory; for other programs export it anew, with an optimum-intel that writes the axis"


def run(
    model: Annotated[
        str,
        typer.Argument(
            help="An artifact's folder or name, an OpenVINO Whisper folder of another program, or hf:owner/name."
        ),
    ],
    mend: Annotated[
        bool,
        typer.Option(
            "--mend",
            help="First repair what needs no checkpoint: attention masks of earlier versions, and the measurements of "
            "batches and approximations.",
        ),
    ] = False,
    against: Annotated[
        str | None,
        typer.Option(help="Also run it beside this checkpoint in PyTorch: a size, or any source of ovw convert."),
    ] = None,
    offline: options.Offline = False,
    json_: options.Json = False,
) -> None:
    """Check an artifact: hashes, layout, shapes, and its transcript of a bundled clip.

    The transcript is made in f32 and in every way that the runner has on this machine: one by one, with beams, in
    batches, and with --exact. Folders of other programs hold no hashes and no transcript to compare with; --against
    proves or refutes them.
    """
    from ovw.artifact.check import MASKS
    from ovw.artifact.foreign import is_foreign
    from ovw.artifact.locate import load_manifest
    from ovw.cli.ensure import find_model
    from ovw.parsing import FETCH_AGAIN
    from ovw.runtime.fast.compiled import sweep_damaged

    folder = find_model(model, Terminal(quiet=json_))
    foreign = is_foreign(folder)
    for path in sweep_damaged():
        warn(f"removed {path}: damaged, or of an earlier ovw; it is compiled anew when it is needed")
    if mend:
        if foreign:
            raise UsageError(f"{folder} was not made by ovw, so --mend leaves it alone", "leave out --mend")
        from ovw.convert.mend import mend as repair

        repair(folder)
    problems = _problems(folder, foreign=foreign)
    if json_:
        described = _described(folder, problems, against, offline=offline)
        options.print_json(described)
        if not described["good"]:
            raise typer.Exit(1)
        return
    if problems:
        for problem in problems:
            typer.echo(f"{folder}: {problem}", err=True)
        hint = FETCH_AGAIN if foreign else "convert again with --force"
        if all(MASKS in one for one in problems):
            hint = IN_MEMORY if foreign else "ovw verify --mend repairs it"
        warn(f"{folder} is damaged: {len(problems)} problem(s). Hint: {hint}.")
        raise typer.Exit(1)
    manifest = load_manifest(folder)
    if against:
        _prove(folder, manifest, against, offline=offline)
    Terminal().lines(describe_good(folder, manifest, proved=against is not None))


def _problems(folder: Path, *, foreign: bool) -> list[str]:
    """Everything that is wrong with a model; what cannot be read or run is one of the problems."""
    from ovw.artifact.check import find_problems, mask_problems
    from ovw.artifact.locate import load_manifest
    from ovw.transcribe.checks.texts import find_mode_problems
    from ovw.transcribe.selftest import find_golden_problems

    try:
        found = mask_problems(folder) if foreign else find_problems(folder) or find_golden_problems(folder)
        return found or list(find_mode_problems(folder, load_manifest(folder)))
    except OvwError as error:
        return [str(error)]
    except DAMAGE as error:
        return [f"it cannot be run: {reason(error)}"]


def describe_good(folder: Path, manifest: Manifest, *, proved: bool) -> list[str]:
    """A folder without problems, in a few lines.

    Args:
        folder: of the model.
        manifest: of it.
        proved: it was compared with a checkpoint just now.
    """
    from ovw.artifact.generation import describe_decoding
    from ovw.transcribe.model_sessions import has_fast_path

    if manifest.golden is None:
        return [
            f"{folder}: of another program, {'proved above' if proved else 'unverified'}",
            f"  {manifest.name} {manifest.precision}, it computes the same alone, in batches and with beams",
            "  on the fast path, words can be timed"
            if has_fast_path(folder, manifest)
            else "  with its own graphs: slower, and words cannot be timed",
        ]
    decoding = describe_decoding(folder)
    return [
        f"{folder}: good",
        f"  {manifest.name} {manifest.precision}, {len(manifest.files)} files with the hashes of {manifest.created}",
        f"  layout {manifest.layout}, shapes {manifest.shapes}",
        f"  self-test: {manifest.golden.hidden or repr(manifest.golden.text)}",
        *([f"  decoding: {decoding}"] if decoding else []),
        *(f"  {line}" for line in (manifest.arithmetic.describe() if manifest.arithmetic else ())),
    ]


def _described(folder: Path, problems: list[str], against: str | None, *, offline: bool) -> dict[str, Any]:
    """The outcome for programs."""
    from ovw.artifact.locate import load_manifest

    found: dict[str, Any] = {"folder": str(folder), "good": not problems, "problems": problems}
    if problems:
        return found
    manifest = load_manifest(folder)
    keys = {"name", "precision", "layout", "shapes", "created", "arithmetic"}
    found |= manifest.model_dump(mode="json", include=keys)
    if against:
        found["against"] = {"checkpoint": against}
        try:
            parity = _proved(folder, manifest, against, offline=offline)
        except NotEqualError as error:
            return found | {"good": False, "problems": [error.message]}
        found["against"] |= parity.model_dump(mode="json")
    return found


def _prove(folder: Path, manifest: Manifest, against: str, *, offline: bool) -> None:
    parity = _proved(folder, manifest, against, offline=offline)
    line = f"{folder}: beside {against} in PyTorch f32: {', '.join(parity.describe())}"
    Terminal().lines([line])


def _proved(folder: Path, manifest: Manifest, against: str, *, offline: bool) -> Parity:
    from ovw.convert.against import prove_against

    require_extra("convert")
    return prove_against(folder, manifest, against, offline=offline)
