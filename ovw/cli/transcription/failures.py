"""Failures among many inputs: reported when they happen, counted and named at the end."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ovw.errors import OvwError

if TYPE_CHECKING:
    from ovw.audio.download import Remote
    from ovw.audio.inputs import Input
    from ovw.audio.samples import Media
    from ovw.cli.transcription.config import TranscribeConfig

logger = logging.getLogger(__name__)

NAMED = 10
"""Failures named at the end; all are reported when they happen."""


class FailureCollector:
    """Keeps a failure from stopping the others.

    Args:
        total: how many inputs there are, good and bad.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._failures: list[OvwError] = []

    def fail(self, error: OvwError) -> None:
        """Note a failure, and report it now if it is not the only input."""
        self._failures.append(error)
        if self._total > 1:
            typer.echo(f"ovw: {error}", err=True)

    @contextmanager
    def turn(self, label: str) -> Iterator[None]:
        """One input's turn: whatever goes wrong in it is noted; Ctrl-C and a closed pipe still end everything."""
        try:
            yield
        except OvwError as error:
            self.fail(error)
        except BrokenPipeError:
            raise
        except Exception as error:
            logger.debug("%s", label, exc_info=True)
            reason = " ".join(str(error).split())
            self.fail(OvwError(f"{label}: unexpected {type(error).__name__}: {reason}", "ovw -v shows where"))

    def finish(self) -> None:
        """List what failed.

        Raises:
            OvwError: something did.
        """
        if not self._failures:
            return
        if self._total == 1:
            raise self._failures[0]
        named = "; ".join(error.message for error in self._failures[:NAMED])
        if more := self._failures[NAMED:]:
            named += f"; and {len(more)} more, reported above"
        raise OvwError(f"{len(self._failures)} of {self._total} inputs failed: {named}")


@contextmanager
def media_of(item: Input, config: TranscribeConfig, *, quiet: bool) -> Iterator[Media]:
    """The media of an input: its file, a download that is removed afterwards, or standard input."""
    from ovw.audio.decode import stream_audio
    from ovw.audio.inputs import fetched
    from ovw.audio.reading import Pcm

    if item.is_stdin:
        pcm = Pcm(config.pcm, config.pcm_rate, config.pcm_channels) if config.pcm else None
        yield stream_audio(sys.stdin.buffer, config.stream, pcm)
        return
    with fetched(item, partial(_download, quiet=quiet)) as file:
        yield file


def _download(remote: Remote, folder: Path, *, quiet: bool) -> Path:
    from ovw.audio.download import download
    from ovw.cli.console import progress

    with progress(quiet=quiet) as bars:
        bar = bars.add_task(f"download {remote.title}", total=None, note="")

        def on_progress(done: int, total: int | None) -> None:
            bars.update(bar, completed=done, total=total, note=f"{done / 1e6:.0f} MB")

        return download(remote, folder, on_progress)
