"""Transcribe thousands of files: one model a worker, outputs whole or not there."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ovw.api.whisper import Whisper
from ovw.audio.choice import DEFAULT, SoundChoice
from ovw.audio.inputs import Input, fetched
from ovw.errors import OvwError, reason
from ovw.runtime.device import DeviceOptions
from ovw.scale.task import Lost, Pool
from ovw.subtitles.options import PLAIN, LayoutOptions
from ovw.subtitles.output import write_outputs
from ovw.transcribe.options import TranscribeOptions


@dataclass(frozen=True)
class File:
    """A file to transcribe.

    Attributes:
        item: what every worker can read: a path they all have, or an address.
        targets: format -> file to write, at a path that every worker can write.
        copy: of the video with its subtitles in it, if one is wanted.
    """

    item: Input
    targets: Mapping[str, Path]
    copy: Path | None = None

    @property
    def outputs(self) -> list[Path]:
        """Every file that is written."""
        return [*self.targets.values(), *([self.copy] if self.copy else [])]

    def is_done(self) -> bool:
        """Whether every output is there and none is older than the media."""
        try:
            made = self.item.path.stat().st_mtime if self.item.path else 0.0
            return all(output.stat().st_mtime >= made for output in self.outputs)
        except OSError:
            return False


@dataclass(frozen=True)
class Finished:
    """A file that was transcribed.

    Attributes:
        file: which.
        duration_s: of its audio.
        seconds: of work.
        warnings: a line each.
    """

    file: File
    duration_s: float
    seconds: float
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Failed:
    """A file that could not be transcribed, why, and what was noticed before."""

    file: File
    error: OvwError
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class TranscribeFiles:
    """The work on each file.

    Attributes:
        model: artifact folder, at a path that every worker can read.
        options: of the decoding.
        device: how to run it.
        exact: openai/whisper's algorithm in f32.
        layout: of subtitle cues.
        choice: which track and channel to take of each file.
    """

    model: Path
    options: TranscribeOptions
    device: DeviceOptions
    exact: bool = False
    layout: LayoutOptions = PLAIN
    choice: SoundChoice = DEFAULT

    def load(self) -> Callable[[File], Finished | Failed]:
        """Load the model once; the result is called for every file."""
        whisper = Whisper(self.model, device=self.device, exact=self.exact)
        return lambda file: self.transcribe(whisper, file)

    def transcribe(self, whisper: Whisper, file: File) -> Finished | Failed:
        """Transcribe a file and write its outputs."""
        started = time.perf_counter()
        with _warnings() as warned:
            try:
                duration_s = self._write(whisper, file)
            except OvwError as error:
                return Failed(file, error, tuple(warned))
            except (OSError, RuntimeError) as error:  # of the disk, and OpenVINO's own
                return Failed(file, OvwError(f"{file.item.label}: {reason(error)}"), tuple(warned))
        return Finished(file, duration_s, time.perf_counter() - started, tuple(warned))

    def _write(self, whisper: Whisper, file: File) -> float:
        with fetched(file.item) as media:
            result = whisper.transcribe(media, self.options, stream=file.item.sound(self.choice))
            document = result.document(file.item.name)
        # a worker that died right after this one left a copy that is as good
        list(write_outputs(document, file.targets, self.layout, video=file.item.path, copy=file.copy, overwrite=True))
        return document.duration


def transcribe_files(files: Iterable[File], work: TranscribeFiles, pool: Pool) -> Iterator[Finished | Failed]:
    """Transcribe files; the order is that in which they are finished.

    Args:
        files: taken only as fast as they are worked off, so there may be millions.
        work: what to do with each.
        pool: who does it; see `ovw.scale.pools.pool_for`.

    Raises:
        OvwError: the model cannot be loaded.
    """
    for outcome in pool.run(work, files):
        if isinstance(outcome, Lost):
            yield Failed(outcome.item, OvwError(f"{outcome.item.item.label}: {outcome.reason}"))
        else:
            yield outcome


class _Keep(logging.Handler):
    def __init__(self, lines: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(record.getMessage())


@contextmanager
def _warnings() -> Iterator[list[str]]:
    """Collects this package's warnings in a worker, for the first process to show."""
    lines: list[str] = []
    package = logging.getLogger("ovw")
    before, package.handlers = package.handlers, [_Keep(lines)]
    try:
        yield lines
    finally:
        package.handlers = before
