"""The work of `ovw transcribe`: every input in turn, files written as they are done."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from ovw.audio.samples import Media
    from ovw.cli.transcription.config import TranscribeConfig
    from ovw.cli.transcription.failures import FailureCollector
    from ovw.cli.transcription.workers import Plan
    from ovw.subtitles.document import Document
    from ovw.transcribe.api import Whisper


def transcribe_all(media: list[str], config: TranscribeConfig, *, yes: bool, quiet: bool) -> None:
    """Transcribe every input; one that fails does not stop the others and is named at the end."""
    from ovw.audio.inputs import STDIN, expand
    from ovw.cli.ensure import ensure_model
    from ovw.cli.transcription.failures import FailureCollector
    from ovw.cli.transcription.workers import transcribe_with_workers
    from ovw.datasets.manifest import listed_audio
    from ovw.errors import UsageError
    from ovw.subtitles.output import check_writable, output_folder, plan_outputs

    inputs, problems = expand(media, listed_audio)
    batch = FailureCollector(len(inputs) + len(problems))
    for problem in problems:
        batch.fail(problem)
    if not inputs:
        batch.finish()
        return
    if config.pcm and STDIN not in media:
        raise UsageError("--pcm describes standard input, which is not among the inputs", "name it: -")
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


def _one_by_one(plan: Plan, artifact: Path, config: TranscribeConfig, batch: FailureCollector, *, quiet: bool) -> None:
    from ovw.cli.transcription.failures import media_of
    from ovw.subtitles import FORMATS
    from ovw.subtitles.embed import plan_embedding
    from ovw.subtitles.output import output_folder, place_of, write_outputs
    from ovw.transcribe.api import Whisper

    whisper = Whisper(artifact, device=config.running(), exact=config.exact)
    to_stdout = config.output == "-"
    folder = None if to_stdout else output_folder(config.output)
    for item, targets in plan.items():
        with batch.turn(item.label):
            copy = plan_embedding(item.path, item.label, place_of(item, folder)) if config.embed else None
            with media_of(item, config, quiet=quiet) as sound:
                document = _transcribe(whisper, sound, item.name, config, quiet=quiet)
            if to_stdout:
                for name in targets:
                    typer.echo(FORMATS[name](document, config.layout()), nl=False)
                continue
            for written in write_outputs(document, targets, config.layout(), video=item.path, copy=copy):
                if not quiet:
                    typer.echo(str(written))


def _transcribe(whisper: Whisper, sound: Media, name: str, config: TranscribeConfig, *, quiet: bool) -> Document:
    import time

    from ovw.audio.mel import FRAMES_PER_SECOND
    from ovw.cli.console import progress
    from ovw.subtitles.document import document_of

    started = time.perf_counter()
    with progress(quiet=quiet) as bars:
        bar = bars.add_task(name, total=None, note="")

        def on_progress(done: int, total: int) -> None:
            speed = done / FRAMES_PER_SECOND / (time.perf_counter() - started)
            bars.update(bar, completed=done, total=total, note=f"{speed:.1f}x real time")

        result = whisper.transcribe(sound, config.decoding(), stream=config.stream, on_progress=on_progress)
        return document_of(name, whisper, result)
