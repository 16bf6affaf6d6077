"""`ovw ui`."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from ovw.cli import options
from ovw.cli.console import show_config
from ovw.cli.values import config_file, given
from ovw.extras import require_extra

VARIABLE = "OVW_UI_PASSWORD"


def run(
    context: typer.Context,
    host: Annotated[
        str | None,
        typer.Option(help="Listen on this address. Default 127.0.0.1; any other needs OVW_UI_PASSWORD."),
    ] = None,
    port: Annotated[int | None, typer.Option(help="Listen on this port; 0 takes a free one. Default 7860.")] = None,
    upload_limit: Annotated[
        float | None, typer.Option(help="Accept files of at most this many megabytes. Default 2000.")
    ] = None,
    users: Annotated[
        int | None, typer.Option(help="Transcribe for this many at the same time; others wait. Default 2.")
    ] = None,
    device: options.Device = None,
    threads: Annotated[int | None, options.speed(text="Threads of a transcription. Default 0: all cores.")] = None,
    config: Annotated[
        Path | None, typer.Option("--config", help="Take these options from a YAML file; flags win.")
    ] = None,
    print_config: options.PrintConfig = False,
) -> None:
    """Web page: subtitles for a video, conversion and measuring.

    Only this machine can reach it unless --host is given. With OVW_UI_PASSWORD it asks for the name ovw and that
    password.
    """
    from ovw.config import resolve
    from ovw.ui.config import UiConfig

    password = os.environ.get(VARIABLE)
    flags = given(context, UiConfig) | ({"password": password} if password else {})
    chosen = resolve(UiConfig, flags, config_file("ui", config))
    if print_config:
        show_config(chosen.model_copy(update={"password": None}))
        return
    require_extra("ui")
    from ovw.ui.actions import VerbActions
    from ovw.ui.server import serve

    serve(chosen, VerbActions(_convert, _bench), lambda address: typer.echo(f"{address}   Ctrl-C ends it"))


def _convert(size: str, precision: str, on_step: Callable[[str], None]) -> list[dict[str, str]]:
    from ovw.config import build
    from ovw.convert.config import ConvertConfig
    from ovw.convert.pipeline import convert
    from ovw.convert.plan import ConvertObserver

    require_extra("convert")
    (made,) = convert(build(ConvertConfig, {"size": size, "precision": precision}), ConvertObserver(on_step=on_step))
    return [{"figure": figure, "value": value} for figure, value in made.figures().items()]


def _bench(models: Sequence[str], seconds: float, on_step: Callable[[str], None]) -> Path:
    from ovw.benchmark.config import BenchConfig
    from ovw.benchmark.pipeline import bench
    from ovw.benchmark.scheduling.schedule import BenchObserver
    from ovw.cli.bench import DEFAULT
    from ovw.config import resolve

    require_extra("bench")
    chosen = resolve(
        BenchConfig, {"models": list(models), "budget": seconds, "format": ["html"]}, config_file("bench", DEFAULT)
    )
    records: list[Path] = []
    try:
        path, _ = bench(chosen, BenchObserver(on_step=on_step, on_path=records.append))
    except KeyboardInterrupt:  # the page offers no way to go on with a record
        for record in records:
            record.unlink(missing_ok=True)
        raise
    return path.with_suffix(".html")
