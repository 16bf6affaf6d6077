"""`ovw transcribe --workers` and `--ray`: many files for several workers, each file reported when it is finished."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
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
    from ovw.outputs import OwnFiles, remember
    from ovw.scale.bulk import Failed, TranscribeFiles, transcribe_files

    own = OwnFiles()
    files = list(_files(plan, config, batch))
    todo = [file for file in files if config.force or not file.is_done()]
    todo = [file for file in (_writable(file, config, batch, own) for file in todo) if file.outputs]
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
                batch.fail(outcome.error)
            else:
                done.append(outcome)
                if config.ray:  # its workers may have homes of their own; processes of this machine share this one
                    remember(outcome.file.targets.values())
                for path in outcome.file.outputs:
                    terminal.detail(str(path))
            bar.advance()
            bar.remark(_speed(done, time.perf_counter() - started))
    skipped = len(files) - len(todo)
    if done or skipped:
        terminal.note(_summary(done, skipped, time.perf_counter() - started))


def _files(plan: Plan, config: TranscribeConfig, batch: FailureCollector) -> Iterator[File]:
    """Every input with its outputs, done or not; one that cannot be done is noted now."""
    for item, targets in plan.items():
        file = None
        with batch.turn(item.label):
            file = _file(item, targets, config, batch)
        if file:
            yield file


def _writable(file: File, config: TranscribeConfig, batch: FailureCollector, own: OwnFiles) -> File:
    """The file with those of its outputs that may be written."""
    return replace(file, targets=batch.writable(file.targets, own, overwrite=config.overwrite))


def _file(item: Input, targets: dict[str, Path], config: TranscribeConfig, batch: FailureCollector) -> File:
    from ovw.errors import OvwError
    from ovw.scale.bulk import File

    if item.reads_once:
        raise OvwError(f"{item.label}: workers cannot share it", "leave out --workers and --ray")
    file = File(item, targets, batch.copy_of(item, config, overwrite=True))
    if file.copy and not (config.force or config.overwrite or file.is_done()):
        # a copy without the other outputs is not ours
        file = replace(file, copy=batch.copy_of(item, config, overwrite=False))
    return file


def _speed(done: list[Finished], elapsed_s: float) -> str:
    return f"{sum(outcome.duration_s for outcome in done) / elapsed_s:.1f}x real time" if done else ""


def _summary(done: list[Finished], skipped: int, elapsed_s: float) -> str:
    """`files transcribed: 3, 0:12:40 of audio, 14.2x real time; done before: 2, --force does them again`."""
    audio = timedelta(seconds=round(sum(outcome.duration_s for outcome in done)))
    figures = f", {audio} of audio, {_speed(done, elapsed_s)}" if done else ""
    left = f"; done before: {skipped}, --force does them again (with this model and these options)" if skipped else ""
    return f"files transcribed: {len(done)}{figures}{left}"
