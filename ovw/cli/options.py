"""Flags that mean the same for several verbs, and the groups of `--help`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from ovw.choices import ContextMode, FloatType, KindOfShapes, Padding
from ovw.home import models_dir
from ovw.subtitles import FORMATS


def option(
    *names: str,
    text: str,
    group: str | None = None,
    choices: Sequence[str] = (),
    show_default: bool = False,
    **more: Any,
) -> Any:
    """An option of a verb.

    Args:
        names: its spellings; by default that of the parameter, of a switch also its negative. A switch that a
            configuration file can set has both, for flags win over files.
        text: for `--help`, in sentences.
        group: of `--help`.
        choices: its values, which `--help` shows and the shell completes.
        show_default: to `--help`; descriptions have it otherwise.
        more: arguments of `typer.Option`.
    """
    if choices:
        more |= {"metavar": f"<{'|'.join(choices)}>", "autocompletion": lambda: [*choices]}
    return typer.Option(*names, help=text, rich_help_panel=group, show_default=show_default, **more)


decoding = partial(option, group="Decoding")
speed = partial(option, group="Speed")
speech = partial(option, group="Speech detection")
subtitles = partial(option, group="Subtitles")
sound = partial(option, group="Input")
output = partial(option, group="Output")
shapes = partial(option, group="Layout and shapes")
dataset = partial(option, group="Dataset")


def _names_here() -> list[str]:
    """Named artifacts, for the shell."""
    return sorted(path.name for path in models_dir().glob("[!.]*")) if models_dir().is_dir() else []


def stay_offline(asked: bool) -> bool:
    """Open no connection from here on, if that is asked for."""
    if asked:
        from ovw.network import go_offline

        go_offline()
    return asked


Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        autocompletion=_names_here,
        help="Folder of an artifact, its name, a size, or hf:owner/name, an OpenVINO folder of the Hugging Face hub. "
        "By default the only one, else base-int8 or base-fp16.",
    ),
]
Temperature = Annotated[
    str | None,
    decoding(text="A temperature, or several with commas to fall back on. Default 0,0.2,0.4,0.6,0.8,1."),
]
Pad = Annotated[
    str | None,
    decoding(
        choices=get_args(Padding),
        text="Fill the last window with zeros in the mel or with silence in the audio. By default (auto) zeros with "
        "--audio-context full and behind less than 3 s of sound, else silence.",
    ),
]
AudioContext = Annotated[
    str | None,
    speed(
        choices=get_args(ContextMode),
        text="Merge padding and positions that are alike (auto, the default), or compute every window in full.",
    ),
]
Formats = Annotated[
    list[str] | None,
    output("--format", "-f", choices=(*FORMATS, "all"), text="Write this format; may be repeated. Default srt."),
]
FLAGS_WIN = "flags win, and --no-NAME turns off what is on there"
ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", help=f"Take these options from a YAML file; {FLAGS_WIN}."),
]
Exact = Annotated[bool, speed(text="Follow openai/whisper's algorithm in f32, with no approximation.")]
Device = Annotated[str | None, speed(text="Run on this OpenVINO device. Default CPU.")]
InferencePrecision = Annotated[
    str | None,
    speed(choices=get_args(FloatType), text="Compute in this precision. By default the device chooses."),
]
Threads = Annotated[int | None, speed(text="Threads of each worker. Default 0: all cores, shared out.")]
Ray = Annotated[str | None, speed(text="Run the workers on Ray: local, auto, or a cluster's address.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Convert a missing model without asking.")]
PrintConfig = Annotated[bool, typer.Option("--print-config", help="Show the resolved options and stop.")]
Stream = Annotated[int | None, sound(text="Number of the audio stream, from 0. Default: the one that players play.")]
AudioLanguage = Annotated[str | None, sound(text="Take the audio stream in this language.")]
MaxLines = Annotated[int | None, subtitles(text="A cue has at most this many lines, with --max-line-width. Default 2.")]
MaxWords = Annotated[int | None, subtitles(text="A cue has at most this many words.")]
MaxCue = Annotated[float | None, subtitles(text="A cue stays at most this many seconds.")]
Overwrite = Annotated[bool, output(text="Replace files that ovw did not write, or that were edited since.")]
ShapeKind = Annotated[
    str | None,
    shapes(choices=get_args(KindOfShapes), text="Kind of the shapes. By default bounded with bounds, else dynamic."),
]
Batch = Annotated[str | None, shapes(text="Rows, such as 1..5 (or 1:5). Static shapes take one number.")]
Tokens = Annotated[str | None, shapes(text="Tokens in a call of the decoder. Default 1..448.")]
Cache = Annotated[str | None, shapes(text="Positions of a cache that is an input. Default 0..448.")]
Frames = Annotated[str | None, shapes(text="Mel frames of a window, 100 a second. Default 1..3000.")]
Force = Annotated[bool, output(text="Replace an artifact, once the new one has passed.")]
Offline = Annotated[bool, typer.Option("--offline", callback=stay_offline, help="Open no connection.")]
"""Obeyed as soon as it is read: verbs have nothing to do for it."""
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print no progress, no segments and no list of files.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def print_json(data: object) -> None:
    """JSON on stdout, one document."""
    typer.echo(json.dumps(data, indent=2, ensure_ascii=False))
