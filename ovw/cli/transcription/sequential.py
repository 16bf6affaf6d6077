"""The work of `ovw transcribe`: every input in turn, files written as they are done."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from ovw.api.whisper import Whisper
    from ovw.audio.inputs import Input
    from ovw.audio.samples import Media
    from ovw.cli.transcription.config import TranscribeConfig
    from ovw.cli.transcription.failures import FailureCollector
    from ovw.cli.transcription.live import SegmentPrinter
    from ovw.cli.transcription.workers import Plan
    from ovw.errors import OvwError
    from ovw.subtitles.document import Document


def transcribe_all(media: list[str], config: TranscribeConfig, *, yes: bool, quiet: bool) -> None:
    """Transcribe every input; one that fails does not stop the others and is named at the end."""
    from ovw.audio.inputs import expand
    from ovw.cli.ensure import ensure_model
    from ovw.cli.transcription.failures import FailureCollector
    from ovw.cli.transcription.workers import transcribe_with_workers
    from ovw.datasets.manifest import listed_audio
    from ovw.errors import UsageError
    from ovw.subtitles.output import check_writable, output_folder, plan_outputs

    inputs, problems = expand(media, listed_audio)
    inputs = _channels(_without_outputs(inputs), problems, config)
    batch = FailureCollector(len(inputs) + len(problems))
    for problem in problems:
        batch.fail(problem)
    if not inputs:
        batch.finish()
        return
    if config.pcm and not any(item.reads_once for item in inputs):
        raise UsageError("--pcm describes standard input or a pipe, neither is among the inputs", "name it: -")
    formats: tuple[str, ...] = config.format
    if config.output == "-":
        plan = {item: dict.fromkeys(formats, Path("-")) for item in inputs}
    else:
        plan = plan_outputs(inputs, formats, output_folder(config.output))
        check_writable(target.parent for targets in plan.values() for target in targets.values())
    artifact = ensure_model(config.model, config.decoding(), yes=yes, quiet=quiet)
    work_off = transcribe_with_workers if config.in_bulk else _one_by_one
    work_off(plan, artifact, config, batch, quiet=quiet)
    batch.finish()


def _without_outputs(inputs: list[Input]) -> list[Input]:
    """The inputs but for copies that `--embed` made; one that is named alone is meant."""
    from ovw.subtitles.embed import is_output

    if len(inputs) == 1:
        return inputs
    made = [item for item in inputs if item.file and is_output(item.file)]
    for item in made:
        typer.echo(f"ovw: {item.label}: made by ovw, skipped", err=True)
    return [item for item in inputs if item not in made]


def _channels(inputs: list[Input], problems: list[OvwError], config: TranscribeConfig) -> list[Input]:
    """Every channel an input of its own, where that is asked for; files that cannot be read become problems."""
    from ovw.audio.decode import channels_of
    from ovw.audio.inputs import of_each_channel
    from ovw.errors import OvwError

    if config.channel != "each":
        return inputs
    found: list[Input] = []
    for item in inputs:
        try:
            found += of_each_channel(item, lambda path: channels_of(path, config.sound()))
        except OvwError as problem:
            problems.append(problem)
    return found


def _one_by_one(plan: Plan, artifact: Path, config: TranscribeConfig, batch: FailureCollector, *, quiet: bool) -> None:
    from ovw.api.whisper import Whisper
    from ovw.cli.transcription.failures import media_of
    from ovw.cli.transcription.live import SegmentPrinter
    from ovw.subtitles import FORMATS
    from ovw.subtitles.output import write_outputs

    whisper = Whisper(artifact, device=config.running(), exact=config.exact)
    to_stdout = config.output == "-"
    printer = SegmentPrinter(wanted=not (quiet or to_stdout), titles=len(plan) > 1)
    for item, planned in plan.items():
        with batch.turn(item.label):
            targets = planned if to_stdout else batch.writable(planned, overwrite=config.overwrite)
            copy = batch.copy_of(item, config, overwrite=config.overwrite)
            if not (targets or copy):
                continue
            with media_of(item, config, quiet=quiet) as sound:
                document = _transcribe(whisper, sound, item, config, printer, quiet=quiet)
            if to_stdout:
                for name in targets:
                    typer.echo(FORMATS[name](document, config.layout()), nl=False)
                continue
            layout, overwrite = config.layout(), config.overwrite
            for written in write_outputs(document, targets, layout, video=item.file, copy=copy, overwrite=overwrite):
                if not quiet:
                    typer.echo(str(written))


def _transcribe(
    whisper: Whisper, sound: Media, item: Input, config: TranscribeConfig, printer: SegmentPrinter, *, quiet: bool
) -> Document:
    import time

    from ovw.audio.mel import FRAMES_PER_SECOND
    from ovw.cli.console import progress

    choice = item.sound(config.sound())
    started = time.perf_counter()
    with progress(quiet=quiet) as bars:
        bar = bars.add_task(item.name, total=None, note="")

        def on_progress(done: int, total: int) -> None:
            speed = done / FRAMES_PER_SECOND / (time.perf_counter() - started)
            bars.update(bar, completed=done, total=total, note=f"{speed:.1f}x real time")

        result = whisper.transcribe(sound, config.decoding(), stream=choice, on_progress=on_progress)
        printer.begin(item.name)
        for segment in result:
            printer.print(segment)
        return result.document(item.name)
