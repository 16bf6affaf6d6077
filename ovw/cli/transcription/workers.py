"""`ovw transcribe --workers` and `--ray`: many files for several workers, each file reported when it is finished."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from ovw.home import real_path

if TYPE_CHECKING:
    from ovw.audio.inputs import Input
    from ovw.cli.console import Terminal
    from ovw.cli.transcription.config import TranscribeConfig
    from ovw.cli.transcription.failures import FailureCollector
    from ovw.outputs import OwnFiles
    from ovw.scale.bulk import File, Finished

Plan = Mapping["Input", dict[str, Path]]


def transcribe_with_workers(
    plan: Plan, artifact: Path, config: TranscribeConfig, batch: FailureCollector, terminal: Terminal
) -> None:
    """Transcribe every file that is not done yet.

    Args:
        plan: the outputs of every input.
        artifact: to run.
        config: the request.
        batch: collects failures.
        terminal: for progress, a list of files and a summary.
    """
    from ovw.cli.console import warn
    from ovw.outputs import announce, remember
    from ovw.scale.bulk import Failed, TranscribeFiles, transcribe_files

    todo, skipped, edited = _left_of(plan, config, batch)
    if config.ray:  # its workers may have homes of their own; processes of this machine share this one
        announce(target for file in todo for target in file.targets.values())
    work = TranscribeFiles(
        real_path(artifact), config.decoding(), config.running(), config.exact, config.layout(), config.sound()
    )
    done: list[Finished] = []
    started = time.perf_counter()
    with terminal.bar("transcribing", total=len(todo)) as bar:
        for outcome in transcribe_files(todo, work, config.pool()):
            for warning in outcome.warnings:
                warn(warning)
            if isinstance(outcome, Failed):
                with batch.turn(outcome.file.item.label):
                    raise outcome.error
            else:
                done.append(outcome)
                if config.ray:
                    remember(outcome.file.targets.values())
                for path in outcome.file.outputs:
                    terminal.written(path)
            bar.advance()
            bar.remark(_speed(done, time.perf_counter() - started))
    if done or skipped:
        terminal.note(_summary(done, skipped, edited, time.perf_counter() - started))


def _left_of(plan: Plan, config: TranscribeConfig, batch: FailureCollector) -> tuple[list[File], int, int]:
    """The files with those outputs that are to be written; what is refused is noted as a failure.

    Returns:
        They, how many files are done, and how many of those were edited since.
    """
    from ovw.outputs import OwnFiles

    own, todo, skipped, edited = OwnFiles(), [], 0, 0
    for item, targets in plan.items():
        with batch.turn(item.label):
            file = _file(item, targets, config, batch)
            if not config.force and _is_done(file, own, strict=config.overwrite):
                skipped += 1
                edited += any(map(own.is_edited, file.targets.values()))
                continue
            file = replace(file, targets=batch.writable(targets, own, overwrite=config.overwrite))
            if file.outputs and (config.force or not _is_done(file, own, strict=config.overwrite)):
                todo.append(file)
    return todo, skipped, edited


def _is_done(file: File, own: OwnFiles, *, strict: bool) -> bool:
    """Whether all outputs are there, none older than the media, and written by ovw.

    Args:
        file: with its outputs.
        own: what ovw wrote.
        strict: an output that was edited since does not count.
    """
    from ovw.subtitles.embed import is_output

    is_own = own.is_unchanged if strict else own.wrote
    if not file.is_done() or not all(is_own(target) for target in file.targets.values()):
        return False
    return file.copy is None or is_output(file.copy)


def _file(item: Input, targets: dict[str, Path], config: TranscribeConfig, batch: FailureCollector) -> File:
    from ovw.errors import OvwError
    from ovw.scale.bulk import File
    from ovw.subtitles.embed import is_output

    if item.reads_once:
        raise OvwError(f"{item.label}: workers cannot share it", "leave out --workers and --ray")
    file = File(item, targets, batch.copy_of(item, config, overwrite=True))
    if file.copy and not config.overwrite and not ((config.force or file.is_done()) and is_output(file.copy)):
        file = replace(file, copy=batch.copy_of(item, config, overwrite=False))
    return file


def _speed(done: list[Finished], elapsed_s: float) -> str:
    return f"{sum(outcome.duration_s for outcome in done) / elapsed_s:.1f}x real time" if done else ""


def _summary(done: list[Finished], skipped: int, edited: int, elapsed_s: float) -> str:
    """`files transcribed: 3, 0:12:40 of audio, 14.2x real time; done before: 2, --force does them again`."""
    before = f"{skipped} ({edited} edited since)" if edited else f"{skipped}"
    audio = timedelta(seconds=round(sum(outcome.duration_s for outcome in done)))
    figures = f", {audio} of audio, {_speed(done, elapsed_s)}" if done else ""
    left = f"; done before: {before}, --force does them again (with this model and these options)" if skipped else ""
    return f"files transcribed: {len(done)}{figures}{left}"
