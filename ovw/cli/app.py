"""`ovw`: the verbs, and how failures end."""

from __future__ import annotations

import logging
import sys
from typing import Annotated

import typer

from ovw import __version__
from ovw.cli import convert, models, transcribe, verify
from ovw.cli import eval as evaluate
from ovw.errors import OvwError

app = typer.Typer(
    name="ovw",
    help="Whisper on OpenVINO: convert checkpoints to verified IR, transcribe media, write subtitles.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("convert")(convert.run)
app.command("models")(models.run)
app.command("verify")(verify.run)
app.command("transcribe")(transcribe.run)
app.command("eval")(evaluate.run)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"ovw {__version__}")
        raise typer.Exit


@app.callback()
def common(
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log what happens, to stderr.")] = False,
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version and exit.")
    ] = False,
) -> None:
    """Options of every verb."""
    logging.basicConfig(level=logging.DEBUG if verbose else logging.ERROR, format="%(name)s: %(message)s")


def main() -> None:
    """Run the command line; a user's mistake ends in one line on stderr and a non-zero exit, never in a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")
    try:
        app(prog_name="ovw")
    except OvwError as error:
        hint = f" Hint: {error.hint}." if error.hint else ""
        typer.echo(f"ovw: {error.message}.{hint}", err=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        typer.echo("ovw: interrupted", err=True)
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
