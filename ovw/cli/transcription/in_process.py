"""The work of `ovw transcribe` in this process: files written as they are done."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ovw.cli.console import warn
from ovw.errors import OvwError
from ovw.lifetime import exit_code, input_was_ended, keep

if TYPE_CHECKING:
    from ovw.api.transcription import Transcription
    from ovw.api.whisper import Whisper
    from ovw.audio.inputs import Input
    from ovw.cli.console import Terminal
    from ovw.cli.transcription.config import TranscribeConfig
    from ovw.cli.transcription.failures import FailureCollector
    from ovw.cli.transcription.workers import Plan
    from ovw.subtitles.document import Document

PLANNED = 256
"""Files whose lengths are looked up at a time, to take those of about the same length together."""


def transcribe_all(media: list[str], config: TranscribeConfig, terminal: Terminal, *, yes: bool) -> None:
    """Transcribe every input; one that fails does not stop the others and is named at the end."""
    from ovw.audio.inputs import expand
    from ovw.cli.ensure import ensure_model
    from ovw.cli.transcription.failures import FailureCollector
    from ovw.cli.transcription.workers import transcribe_with_workers
    from ovw.datasets.manifest import listed_audio
    from ovw.errors import UsageError
    from ovw.outputs import check_writable
    from ovw.subtitles.output import output_folder, plan_outputs

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
        _check_in_a_row(formats[0], inputs)
        plan = {item: dict.fromkeys(formats, Path("-")) for item in inputs}
    else:
        plan = plan_outputs(inputs, formats, output_folder(config.output), embed=config.embed)
        check_writable(target.parent for targets in plan.values() for target in targets.values())
    artifact = ensure_model(config.model, config.decoding(), terminal, yes=yes)
    work_off = transcribe_with_workers if config.in_bulk else _in_this_process
    work_off(plan, artifact, config, batch, terminal)
    batch.finish()
    if input_was_ended():
        raise typer.Exit(exit_code())


def _without_outputs(inputs: list[Input]) -> list[Input]:
    """The inputs but for copies that `--embed` made; one that is named alone is meant."""
    from ovw.subtitles.embed import is_output

    if len(inputs) == 1:
        return inputs
    made = [item for item in inputs if item.file and is_output(item.file)]
    for item in made:
        warn(f"{item.label}: made by ovw, skipped")
    return [item for item in inputs if item not in made]


def _channels(inputs: list[Input], problems: list[OvwError], config: TranscribeConfig) -> list[Input]:
    """Every channel an input of its own, where that is asked for; files that cannot be read become problems."""
    from ovw.audio.decode import channels_of
    from ovw.audio.inputs import of_each_channel

    if config.channel != "each":
        return inputs
    found: list[Input] = []
    for item in inputs:
        try:
            found += of_each_channel(item, lambda path: channels_of(path, config.sound()))
        except OvwError as problem:
            problems.append(problem)
    return found


def _check_in_a_row(name: str, inputs: list[Input]) -> None:
    """Refuse several inputs on standard output where their documents together would be no file of the format."""
    from ovw.errors import UsageError
    from ovw.subtitles import IN_A_ROW

    if len(inputs) > 1 and name not in IN_A_ROW:
        raise UsageError(
            f"standard output takes one input as {name}, not {len(inputs)}",
            f"name a folder with --output, or choose one of {', '.join(IN_A_ROW)}",
        )


@dataclass(frozen=True)
class _Job:
    """An input with the files to write, and the copy of the video to make."""

    item: Input
    targets: dict[str, Path]
    copy: Path | None


def _in_this_process(
    plan: Plan, artifact: Path, config: TranscribeConfig, batch: FailureCollector, terminal: Terminal
) -> None:
    from ovw.api.whisper import Whisper

    whisper = Whisper(artifact, device=config.running(), exact=config.exact)
    keep(whisper)
    work = _Work(whisper, config, batch, len(plan), terminal)
    jobs = list(_jobs(plan, config, batch))
    one_by_one = config.output == "-" or len(jobs) == 1
    together = [job for job in jobs if job.item.file and not one_by_one]
    for at in range(0, len(together), PLANNED):
        work.together(together[at : at + PLANNED])
    for job in jobs:
        if input_was_ended():
            return
        if one_by_one or not job.item.file:
            work.alone(job)


def _jobs(plan: Plan, config: TranscribeConfig, batch: FailureCollector) -> Iterator[_Job]:
    """The inputs with something to write; what must not be replaced is noted as a failure."""
    from ovw.outputs import OwnFiles

    own = OwnFiles()
    for item, planned in plan.items():
        job = None
        with batch.turn(item.label):
            targets = planned if config.output == "-" else batch.writable(planned, own, overwrite=config.overwrite)
            job = _Job(item, targets, batch.copy_of(item, config, overwrite=config.overwrite))
        if job and (job.targets or job.copy):
            yield job


class _Work:
    """Transcribes inputs with one model, and writes what was asked for.

    Args:
        whisper: the model.
        config: the request.
        batch: collects failures.
        inputs: how many there are.
        terminal: for segments, progress and a list of files.
    """

    def __init__(
        self, whisper: Whisper, config: TranscribeConfig, batch: FailureCollector, inputs: int, terminal: Terminal
    ) -> None:
        from ovw.cli.transcription.live import SegmentPrinter

        self._whisper = whisper
        self._config = config
        self._batch = batch
        self._terminal = terminal
        self._several = inputs > 1
        self._printer = SegmentPrinter(wanted=not (terminal.quiet or config.output == "-"), titles=self._several)

    def alone(self, job: _Job) -> None:
        """Transcribe one input."""
        from ovw.audio.mel import FRAMES_PER_SECOND
        from ovw.cli.transcription.media import media_of

        config, item = self._config, job.item
        with self._batch.turn(item.label), media_of(item, config, self._terminal) as sound:
            started = time.perf_counter()
            with self._terminal.bar(item.name) as bar:

                def on_progress(done: int, total: int) -> None:
                    speed = done / FRAMES_PER_SECOND / (time.perf_counter() - started)
                    bar.at(done, total)
                    bar.remark(f"{speed:.1f}x real time")

                stream = item.sound(config.sound())
                result = self._whisper.transcribe(sound, config.decoding(), stream=stream, on_progress=on_progress)
                document = self._document(job, result)
            self._write(job, document)

    def together(self, jobs: Sequence[_Job]) -> None:
        """Transcribe files, short ones beside each other."""
        config = self._config
        media = [job.item.file for job in jobs if job.item.file]
        streams = [job.item.sound(config.sound()) for job in jobs]
        seconds, started = 0.0, time.perf_counter()
        with self._terminal.bar(f"{len(jobs)} files", total=len(jobs)) as bar:
            for place, outcome in self._whisper.transcribe_each(media, config.decoding(), streams=streams):
                with self._batch.turn(jobs[place].item.label):
                    if isinstance(outcome, OvwError):
                        raise outcome
                    document = self._document(jobs[place], outcome)
                    seconds += document.duration
                    self._write(jobs[place], document)
                bar.advance()
                bar.remark(f"{seconds / (time.perf_counter() - started):.1f}x real time")

    def _document(self, job: _Job, result: Transcription) -> Document:
        """The document of a transcription, whose segments are printed as they are decoded."""
        self._printer.begin(job.item.name)
        for segment in result:
            self._printer.print(segment)
        return result.document(job.item.name)

    def _write(self, job: _Job, document: Document) -> None:
        from ovw.subtitles import FORMATS, JSON
        from ovw.subtitles.json_ import as_line
        from ovw.subtitles.output import write_outputs

        layout, overwrite = self._config.layout(), self._config.overwrite
        if self._config.output == "-":
            for name in job.targets:
                text = FORMATS[name](document, layout)
                self._terminal.result(as_line(text) if self._several and name in JSON else text, newline=False)
            return
        written = write_outputs(document, job.targets, layout, video=job.item.file, copy=job.copy, overwrite=overwrite)
        for path in written:
            self._terminal.written(path)
