"""Transcribe thousands of files: one model a worker, outputs whole or not there, what is done already left alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ovw.errors import OvwError
from ovw.files import write_whole
from ovw.runtime.device import DeviceOptions
from ovw.scale.work import Lost, Pool
from ovw.subtitles import FORMATS
from ovw.subtitles.document import document_of
from ovw.subtitles.options import PLAIN, LayoutOptions
from ovw.transcribe.api import Whisper
from ovw.transcribe.options import TranscribeOptions


@dataclass(frozen=True)
class File:
    """A file to transcribe.

    Attributes:
        media: audio or video, at a path that every worker can read.
        targets: format -> file to write, at a path that every worker can write.
    """

    media: Path
    targets: Mapping[str, Path]

    def is_done(self) -> bool:
        """Whether every output is there and none is older than the media."""
        try:
            made = self.media.stat().st_mtime
            return all(target.stat().st_mtime >= made for target in self.targets.values())
        except OSError:
            return False


@dataclass(frozen=True)
class Finished:
    """A file that was transcribed: seconds of audio, and of work."""

    media: Path
    duration_s: float
    seconds: float


@dataclass(frozen=True)
class Failed:
    """A file that could not be transcribed."""

    media: Path
    reason: str


@dataclass(frozen=True)
class TranscribeFiles:
    """The work on each file.

    Attributes:
        model: artifact folder, at a path that every worker can read.
        options: of the decoding.
        device: how to run it.
        exact: openai/whisper's algorithm in f32.
        layout: of subtitle cues.
    """

    model: Path
    options: TranscribeOptions
    device: DeviceOptions
    exact: bool = False
    layout: LayoutOptions = PLAIN

    def load(self) -> Callable[[File], Finished | Failed]:
        """Load the model once; the result is called for every file."""
        whisper = Whisper(self.model, device=self.device, exact=self.exact)
        return lambda file: self.transcribe(whisper, file)

    def transcribe(self, whisper: Whisper, file: File) -> Finished | Failed:
        """Transcribe a file and write its outputs."""
        started = time.perf_counter()
        try:
            document = document_of(file.media.name, whisper, whisper.transcribe(file.media, self.options))
            for name, target in file.targets.items():
                target.parent.mkdir(parents=True, exist_ok=True)
                write_whole(target, FORMATS[name](document, self.layout))
        except (OvwError, OSError, RuntimeError) as error:
            return Failed(file.media, " ".join(str(error).split()))
        return Finished(file.media, document.duration, time.perf_counter() - started)


def transcribe_files(
    files: Iterable[File], work: TranscribeFiles, pool: Pool, *, again: bool = False
) -> Iterator[Finished | Failed]:
    """Transcribe every file that is not done yet; the order is that in which they are finished.

    Args:
        files: taken only as fast as they are worked off, so there may be millions.
        work: what to do with each.
        pool: who does it; see `ovw.scale.pools.pool_for`.
        again: also those that are done.

    Raises:
        OvwError: the model cannot be loaded.
    """
    todo = (file for file in files if again or not file.is_done())
    for outcome in pool.run(work, todo):
        yield Failed(outcome.item.media, outcome.reason) if isinstance(outcome, Lost) else outcome
