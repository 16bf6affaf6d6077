"""`ovw report`."""

from __future__ import annotations

from typing import Annotated, get_args

import typer

from ovw.choices import ReportFormat
from ovw.cli import options
from ovw.cli.console import Terminal, show_config
from ovw.cli.values import config_file, given

EMBED_MB = 4.0
"""Megabytes of `--embed-audio` without a number in the configuration."""


def run(
    context: typer.Context,
    records: Annotated[
        list[str] | None, typer.Argument(help="Records of ovw bench and ovw eval, or folders of ovw eval.")
    ] = None,
    output: Annotated[
        str | None, options.output("--output", "-o", text="Write the page here. Default report.html.")
    ] = None,
    formats: Annotated[
        list[str] | None,
        options.output(
            "--format",
            "-f",
            choices=get_args(ReportFormat),
            text="Write this format; may be repeated. svg and png are a file for each chart. Default html.",
        ),
    ] = None,
    title: Annotated[str | None, options.output(text="Title of the page.")] = None,
    embed_audio: Annotated[bool, options.output(text="Put audio into the page instead of links to the files.")] = False,
    audio_limit: Annotated[
        float | None,
        options.output(text="Embed audio, at most this many megabytes, the worst utterances first. Default 4."),
    ] = None,
    overwrite: options.Overwrite = False,
    config: options.ConfigFile = None,
    print_config: options.PrintConfig = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing.")] = False,
) -> None:
    """Pictures of measurements: one HTML page that opens without a network.

    Any mix of records: artifacts, engines, machines and dates. What did different work is never compared.
    """
    from ovw.config import resolve
    from ovw.errors import UsageError, did_you_mean
    from ovw.report.config import ReportConfig

    if not records and not config:
        raise UsageError("no record given", "name records of ovw bench and ovw eval, or folders of ovw eval")
    known = get_args(ReportFormat)
    if unknown := [form for form in formats or () if form not in known]:
        raise UsageError(f"no format '{unknown[0]}' of a report", did_you_mean(unknown[0], known))
    flags = given(context, ReportConfig, formats="format")
    if "embed_audio" in flags or audio_limit is not None:
        limit = EMBED_MB if audio_limit is None else audio_limit
        flags["embed_audio"] = limit if flags.get("embed_audio", True) else 0.0
    chosen = resolve(ReportConfig, flags, config_file("report", config))
    if print_config:
        show_config(chosen)
        return
    from ovw.report.pipeline import write_report

    terminal = Terminal(quiet=quiet)
    for path in write_report(chosen):
        terminal.written(path)
