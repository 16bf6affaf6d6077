"""`ovw`: the verbs, and how failures end."""

from __future__ import annotations

import gc
import logging
import os
import sys
from collections.abc import Sequence
from copy import copy
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from ovw import __version__
from ovw.cli import align, bench, convert, models, report, reshape, transcribe, ui, verify
from ovw.cli import eval as evaluate
from ovw.cli.command import RenamedVerb, Verb
from ovw.cli.console import log_everything, show_warnings, warn
from ovw.cli.help import GroupedHelp
from ovw.errors import OvwError, UsageError
from ovw.lifetime import end_after_exit_functions, end_at_once, end_on_signals, exit_code, was_interrupted
from ovw.memory import share_heaps


class _Verbs(GroupedHelp, TyperGroup):
    """Ends a verb on Ctrl-C, SIGTERM and on a reader that has gone; typer would print "Aborted!" or nothing."""

    def invoke(self, ctx: Any) -> Any:
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
            return result
        except (KeyboardInterrupt, typer.Abort):
            warn("interrupted")
            sys.exit(exit_code())
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes once more at its end
            sys.exit(1)


app = typer.Typer(
    name="ovw",
    cls=_Verbs,
    help="Whisper on OpenVINO: convert checkpoints to verified IR, transcribe media, write subtitles.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
COLLECTIONS = (50_000, 50, 50)
"""Objects made between two garbage collections: most of those that imports make stay, and are not walked over often."""
MODELS, MEDIA, FIGURES = "Models", "Media", "Measurements"
app.command("transcribe", cls=RenamedVerb, rich_help_panel=MEDIA)(transcribe.run)
app.command("align", cls=Verb, rich_help_panel=MEDIA)(align.run)
app.command("ui", cls=Verb, rich_help_panel=MEDIA)(ui.run)
app.command("convert", cls=Verb, rich_help_panel=MODELS)(convert.run)
app.command("models", cls=Verb, rich_help_panel=MODELS)(models.run)
app.command("reshape", cls=Verb, rich_help_panel=MODELS)(reshape.run)
app.command("verify", cls=Verb, rich_help_panel=MODELS)(verify.run)
app.add_typer(bench.app, name="bench", rich_help_panel=FIGURES)
app.command("eval", cls=Verb, rich_help_panel=FIGURES)(evaluate.run)
app.command("report", cls=Verb, rich_help_panel=FIGURES)(report.run)


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
    if verbose:
        log_everything()
    else:
        logging.basicConfig(level=logging.ERROR, format="%(name)s: %(message)s")
        show_warnings("ovw")


def command_of(given: Sequence[str]) -> typer.Typer:
    """The verbs, or the one that is asked for alone: the options of all take 0.06 s longer to set up."""
    verb = next(iter(given), "")
    if Path(verb).suffix and Path(verb).is_file():
        raise UsageError(f"{verb} is a file, not a verb", f"ovw transcribe {verb}")
    chosen = copy(app)
    chosen.registered_commands = [one for one in app.registered_commands if one.name == verb]
    chosen.registered_groups = [one for one in app.registered_groups if one.name == verb]
    return chosen if chosen.registered_commands or chosen.registered_groups else app


def run() -> None:
    """`main` as a process of its own; it ends without taking the interpreter apart, which takes OpenVINO 0.1 s."""
    gc.set_threshold(*COLLECTIONS)
    try:
        main()
    except SystemExit as ended:
        if not isinstance(ended.code, int | None):
            raise
        end_after_exit_functions(ended.code or 0)
    end_after_exit_functions(0)


def main() -> None:
    """Run the command line; a user's mistake ends in one line on stderr and a non-zero exit, never in a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")
    try:
        end_on_signals()  # in here: a signal may come before it returns
        share_heaps()
        command_of(sys.argv[1:])(prog_name="ovw")
    except KeyboardInterrupt:
        warn("interrupted")
    except OvwError as error:
        if error.__cause__:
            logging.getLogger("ovw").debug("what led to it:", exc_info=error.__cause__)
        hint = f" Hint: {error.hint}." if error.hint else ""
        warn(f"{error.message}.{hint}")
        sys.exit(error.exit_code)
    finally:
        if was_interrupted():
            end_at_once(exit_code())
