"""Failures among many inputs: reported when they happen, counted and named at the end."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ovw.cli.console import warn
from ovw.errors import OvwError, unexpected

if TYPE_CHECKING:
    from ovw.audio.inputs import Input
    from ovw.cli.transcription.config import TranscribeConfig
    from ovw.outputs import OwnFiles

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
        self._failed: set[str] = set()
        self._label: str | None = None

    def fail(self, error: OvwError) -> None:
        """Note a failure, and report it now if it is not the only input."""
        self._failures.append(error)
        self._failed.add(self._label or error.message)  # an input may fail in several of its outputs
        if self._total > 1:
            warn(str(error))

    def writable(self, targets: Mapping[str, Path], own: OwnFiles, *, overwrite: bool) -> dict[str, Path]:
        """The outputs that may and can be written; what keeps the others from it is noted."""
        from ovw.outputs import refusals

        refused = refusals(targets.values(), overwrite=overwrite, own=own)
        for problem in refused.values():
            self.fail(problem)
        return {name: target for name, target in targets.items() if target not in refused}

    def copy_of(self, item: Input, config: TranscribeConfig, *, overwrite: bool) -> Path | None:
        """Where a video's copy with subtitles goes; `None` if none is wanted, or none can be made, which is noted."""
        from ovw.subtitles.embed import plan_embedding
        from ovw.subtitles.output import output_folder, place_of

        if not config.embed:
            return None
        try:
            place = place_of(item, output_folder(config.output))
            return plan_embedding(item.file, item.label, place, overwrite=overwrite)
        except OvwError as problem:
            self.fail(problem)
            return None

    @contextmanager
    def turn(self, label: str) -> Iterator[None]:
        """One input's turn: whatever goes wrong in it is noted; Ctrl-C and a closed pipe still end everything."""
        self._label = label
        try:
            yield
        except OvwError as error:
            self.fail(error)
        except BrokenPipeError:
            raise
        except Exception as error:
            logger.debug("%s", label, exc_info=True)
            self.fail(OvwError(f"{label}: {unexpected(error)}", "ovw -v shows where"))
        finally:
            self._label = None

    def finish(self) -> None:
        """List what failed.

        Raises:
            OvwError: something did.
        """
        if not self._failures:
            return
        if len(self._failures) == 1 and self._total == 1:
            raise self._failures[0]
        named = "; ".join(error.message for error in self._failures[:NAMED])
        if more := self._failures[NAMED:]:
            named += f"; and {len(more)} more, reported above"
        if self._total == 1:
            raise OvwError(named, self._failures[0].hint)
        raise OvwError(f"{len(self._failed)} of {self._total} inputs failed: {named}")
