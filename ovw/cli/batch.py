"""Many inputs, one after the other: each gets its turn, and what fails is told and counted."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ovw.errors import OvwError

if TYPE_CHECKING:
    from ovw.audio.inputs import Input
    from ovw.audio.samples import Media
    from ovw.cli.transcribe_config import TranscribeConfig

logger = logging.getLogger(__name__)


class Batch:
    """Keeps a failure from stopping the others.

    Args:
        total: how many inputs there are, good and bad.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._failures: list[OvwError] = []

    def fail(self, error: OvwError) -> None:
        """Note a failure, and tell it now if it is not the only input."""
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
        named = "; ".join(error.message for error in self._failures)
        raise OvwError(f"{len(self._failures)} of {self._total} inputs failed: {named}")


@contextmanager
def media_of(item: Input, config: TranscribeConfig, *, quiet: bool) -> Iterator[Media]:
    """What the runner reads for an input: its file, a download that is removed afterwards, or standard input."""
    import tempfile

    from ovw.audio.decode import stream_audio
    from ovw.audio.reading import Pcm

    if item.path:
        yield item.path
    elif item.remote:
        with tempfile.TemporaryDirectory(prefix="ovw-") as folder:
            yield _download(item, Path(folder), quiet=quiet)
    else:
        pcm = Pcm(config.pcm, config.pcm_rate, config.pcm_channels) if config.pcm else None
        yield stream_audio(sys.stdin.buffer, config.stream, pcm)


def _download(item: Input, folder: Path, *, quiet: bool) -> Path:
    from ovw.audio.download import download
    from ovw.cli.console import progress

    assert item.remote is not None  # media_of asked
    with progress(quiet=quiet) as bars:
        bar = bars.add_task(f"download {item.name}", total=None, note="")

        def on_progress(done: int, total: int | None) -> None:
            bars.update(bar, completed=done, total=total, note=f"{done / 1e6:.0f} MB")

        return download(item.remote, folder, on_progress)
