"""`ovw align`."""

from __future__ import annotations

import sys
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Annotated

import typer

from ovw.cli import options
from ovw.cli.console import Terminal, warn
from ovw.cli.values import check_exact, given
from ovw.errors import OvwError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ovw.cli.transcription.config import TranscribeConfig
    from ovw.subtitles.document import Document

PROBABLE = 0.2
"""Mean probability of the words of a text below which it is hardly that of the recording."""


def run(
    context: typer.Context,
    media: Annotated[Path, typer.Argument(help="Audio or video file.")],
    text: Annotated[
        str,
        typer.Argument(
            help="Its text: .srt, .vtt, .ass, .lrc, or .json or .tsv of ovw, whose cues are timed anew, another text "
            "file, or -."
        ),
    ],
    model: options.Model = None,
    formats: options.Formats = None,
    output: Annotated[
        str | None,
        options.output("--output", "-o", text="Write into this folder, or print with -. Default: beside the media."),
    ] = None,
    language: Annotated[str | None, typer.Option(help="Code, name or locale. By default it is detected.")] = None,
    stream: options.Stream = None,
    audio_language: options.AudioLanguage = None,
    max_line_width: Annotated[
        int | None, options.subtitles(text="A line has at most this many columns. Default: one line a passage.")
    ] = None,
    max_lines: options.MaxLines = None,
    max_words: options.MaxWords = None,
    max_cue: options.MaxCue = None,
    highlight_words: Annotated[bool, options.subtitles(text="Underline the spoken word.")] = False,
    exact: options.Exact = False,
    device: options.Device = None,
    inference_precision: options.InferencePrecision = None,
    threads: Annotated[int | None, options.speed(text="Threads. Default 0: all cores.")] = None,
    overwrite: options.Overwrite = False,
    yes: options.Yes = False,
    offline: options.Offline = False,
    quiet: options.Quiet = False,
) -> None:
    """Time a text that is known: lyrics, a script, subtitles.

    Every line or sentence of a text, and every cue of a subtitle file, becomes a cue at the time of its words.
    """
    from ovw.cli.transcription.config import TranscribeConfig
    from ovw.config import build

    flags = given(context, TranscribeConfig, formats="format") | {"word_timestamps": True}
    check_exact(flags)
    chosen = build(TranscribeConfig, flags)
    _align(media, text, chosen, Terminal(quiet=quiet), yes=yes)


def _align(media: Path, text: str, config: TranscribeConfig, terminal: Terminal, *, yes: bool) -> None:
    from ovw.api.whisper import Whisper
    from ovw.cli.ensure import ensure_model
    from ovw.outputs import check_writable, keep_inputs, refusals
    from ovw.subtitles import FORMATS
    from ovw.subtitles.output import output_folder, write_outputs

    passages = _passages(text)
    folder = output_folder(None if config.output == "-" else config.output) or media.parent
    targets = {ending: folder / f"{media.stem}.{ending}" for ending in config.format}
    if config.output != "-":
        keep_inputs(targets.values(), (media, Path(text)))
        check_writable([folder])
        for problem in refusals(targets.values(), overwrite=config.overwrite).values():
            raise problem
    artifact = ensure_model(config.model, config.decoding(), terminal, yes=yes)
    whisper = Whisper(artifact, device=config.running(), exact=config.exact)
    with terminal.bar(media.name) as bar:
        result = whisper.align(
            media,
            passages,
            language=config.language,
            stream=config.sound(),
            on_progress=bar.at,
        )
        document = result.document()
    _warn_of_another_text(document)
    if config.output == "-":
        for ending in config.format:
            terminal.result(FORMATS[ending](document, config.layout()), newline=False)
        return
    for written in write_outputs(document, targets, config.layout()):
        terminal.written(written)


def _warn_of_another_text(document: Document) -> None:
    """Report words that are hardly the ones in the sound."""
    words = [word for segment in document.segments for word in segment.words or ()]
    if words and (mean := fmean(word.probability for word in words)) < PROBABLE:
        warn(f"{document.media}: the words of the text have a probability of {mean:.2f}: is it the right one?")


def _passages(text: str) -> str | Sequence[str]:
    """The text of a file, or of standard input."""
    from ovw.subtitles.read import decode_passages, read_passages

    if text == "-":
        return decode_passages(sys.stdin.buffer.read(), "standard input")
    try:
        return read_passages(Path(text))
    except OvwError as error:
        raise OvwError(error.message, f"{error.hint}; the media comes first, then its text") from error
