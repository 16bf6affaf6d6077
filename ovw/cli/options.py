"""Flags that mean the same for several verbs."""

from __future__ import annotations

import json
from typing import Annotated

import typer

Model = Annotated[
    str | None,
    typer.Option("--model", "-m", help="Artifact folder, name or size. Default: the only one, base-int8 or base-fp16."),
]
Temperature = Annotated[
    str | None, typer.Option(help="One, or several with commas to fall back on. Default 0,0.2,0.4,0.6,0.8,1.")
]
Pad = Annotated[str | None, typer.Option(help="What fills the last window: auto (default), mel or audio.")]
AudioContext = Annotated[
    str | None, typer.Option(help="auto (default): padding and positions that are alike are merged; full: nothing is.")
]
Exact = Annotated[bool, typer.Option("--exact", help="openai/whisper's algorithm in f32, no approximation.")]
Device = Annotated[str | None, typer.Option(help="OpenVINO device. Default CPU.")]
InferencePrecision = Annotated[str | None, typer.Option(help="f32, bf16 or f16. Default: the device's own.")]
Threads = Annotated[int | None, typer.Option(help="Of a worker. Default 0: all cores, shared out.")]
Ray = Annotated[str | None, typer.Option(help="Run the workers on Ray: local, auto, or a cluster's address.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Convert a missing model without asking.")]
PrintConfig = Annotated[bool, typer.Option("--print-config", help="Show the resolved options and stop.")]
Stream = Annotated[int | None, typer.Option(help="Audio stream, from 0. Default: the one players play.")]
AudioLanguage = Annotated[str | None, typer.Option(help="Take the audio stream in this language.")]
MaxLines = Annotated[int | None, typer.Option(help="Lines of a cue, with --max-line-width. Default 2.")]
MaxWords = Annotated[int | None, typer.Option(help="Words of a cue.")]
MaxCue = Annotated[float | None, typer.Option(help="Seconds a cue stays at most.")]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace files that ovw did not write, or that were edited since.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no list of files.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def print_json(data: object) -> None:
    """JSON on stdout, one document."""
    typer.echo(json.dumps(data, indent=2, ensure_ascii=False))
