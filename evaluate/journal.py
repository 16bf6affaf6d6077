"""`hypotheses.jsonl` while it grows: every line on disk before the next clip, whatever happens to the process."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from ovw.artifact.lock import locked
from ovw.errors import OvwError, quoted, reason
from ovw.evaluate.leaderboard import remove_leaderboard
from ovw.files import write_whole
from ovw.parsing import load_object
from ovw.record import HYPOTHESES_FILE, RECORD_FILE
from ovw.scoring.hypothesis import Hypothesis, parse
from ovw.text_files import lines_of

REQUEST = "request.json"
ENGINE = "engine.json"
DAMAGED = "hypotheses.damaged.jsonl"
RESULTS = (RECORD_FILE, "report.md", "report.html")
OURS = (HYPOTHESES_FILE, REQUEST, ENGINE, *RESULTS)
GO_ON = "run again to go on from here"
REQUEST_KEYS = {"dataset", "beam_size"}
"""Keys that every request has: a folder whose `request.json` lacks them was not written by a run."""


class HypothesisJournal:
    """The results of a run, kept across interruptions.

    Use as a context manager; it holds a lock on the folder, which the operating system frees if this process is killed.

    Args:
        folder: of the run; made if it is not there.
        request: everything that the hypotheses depend on; a folder with another request is refused.
        force: discard results that are there.

    Raises:
        OvwError: another run's folder, files that no run left, a damaged line, a folder in use or one that cannot be
            written.
    """

    def __init__(self, folder: Path, request: Mapping[str, Any], *, force: bool = False) -> None:
        self.folder = folder
        self.path = folder / HYPOTHESES_FILE
        self.done: dict[str, Hypothesis] = {}
        self._request = json.loads(json.dumps(request))
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = ExitStack()
            self._lock.enter_context(locked(folder / ".lock", wait=False))
        except BlockingIOError:
            raise OvwError(f"another run is writing {folder}", "wait for it, or choose another with -o") from None
        except OSError as error:
            raise OvwError(f"cannot write to {folder}: {error.strerror}", "choose another folder with -o") from None
        try:
            self._claim(force)
            self._resume()
        except BaseException:
            self._lock.close()
            raise
        self.engine = _read_json(folder / ENGINE)
        self._stream = self.path.open("a", encoding="utf-8", newline="\n")

    def __enter__(self) -> HypothesisJournal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._stream.close()
        except OSError as refused:  # what `add` could not write is tried again
            if error is None:
                raise OvwError(f"cannot write {self.path}: {refused.strerror}", GO_ON) from None
        finally:
            self._lock.close()

    def add(self, result: Hypothesis) -> None:
        """Put a result on disk; a second one for the same clip is dropped.

        Raises:
            OvwError: the disk refuses.
        """
        if result.id in self.done:
            return
        try:
            self._stream.write(result.to_json() + "\n")
            self._stream.flush()
            os.fsync(self._stream.fileno())
        except OSError as error:
            raise OvwError(f"cannot write {self.path}: {error.strerror}", GO_ON) from None
        self.done[result.id] = result

    def keep(self, result: Hypothesis) -> None:
        """Put an earlier result in the place of what is held, with its clip as the dataset has it now."""
        self.done[result.id] = result

    def drop(self, key: str) -> None:
        """Have a clip done anew."""
        del self.done[key]

    def note_engine(self, description: dict[str, Any]) -> None:
        """Keep the engine's description, for a resumed run with nothing left to do."""
        if description != self.engine:
            self.engine = description
            write_whole(self.folder / ENGINE, json.dumps(description, indent=2) + "\n")

    def finish(self, order: Iterable[str]) -> list[Hypothesis]:
        """Put the lines into the dataset's order, whoever came first, and drop what is not in it.

        Args:
            order: ids of the dataset.

        Returns:
            The results in that order.
        """
        results = [self.done[key] for key in order if key in self.done]
        self._stream.close()
        write_whole(self.path, "".join(result.to_json() + "\n" for result in results))
        return results

    def _claim(self, force: bool) -> None:
        """Require that what is here belongs to this request, or to the same one with a smaller limit.

        Files without a request beside them are foreign.
        """
        earlier = _read_json(self.folder / REQUEST)
        if earlier == self._request and not force:
            return
        here = [name for name in OURS if (self.folder / name).exists()]
        if here and not earlier.keys() >= REQUEST_KEYS:
            seen = f"{self.folder} holds {', '.join(here)} of something else: no run of ovw eval left that"
            raise OvwError(seen, "choose another folder with -o")
        goes_on = _takes_more(self._request, earlier) and not force
        held = self.path.exists() and self.path.stat().st_size > 0  # a run that came to nothing claims nothing
        if held and not (force or goes_on):
            seen = f"{self.folder} holds another run: {_difference(earlier, self._request)}"
            raise OvwError(seen, "--force begins anew, -o chooses another folder")
        for name in RESULTS if goes_on else here:
            (self.folder / name).unlink(missing_ok=True)
        remove_leaderboard(self.folder)
        write_whole(self.folder / REQUEST, json.dumps(self._request, indent=2, ensure_ascii=False) + "\n")

    def _resume(self) -> None:
        """Take up what is there; a last line without its end was cut off by a kill, other damage is reported."""
        if not self.path.exists():
            return
        try:
            with self.path.open("rb") as stream:
                os.truncate(self.path, self._read_lines(stream))
        except OSError as error:
            raise OvwError(f"{self.path} cannot be read: {reason(error)}", "nothing was changed") from None

    def _read_lines(self, stream: BinaryIO) -> int:
        """Take up every whole line, and give their bytes in all."""
        whole = 0
        for number, line in enumerate(lines_of(stream), 1):
            if not line.endswith(b"\n"):
                break
            try:
                result = parse(line.decode("utf-8"))
            except ValueError as error:
                raise self._damage(number, error) from None
            whole += len(line)
            self.done[result.id] = result  # a later one was done anew
        return whole

    def _damage(self, number: int, error: ValueError) -> OvwError:
        shutil.copyfile(self.path, self.folder / DAMAGED)
        return OvwError(
            f"{self.path}:{number} is damaged: {reason(error)}",
            f"nothing was changed, {DAMAGED} is a copy; delete the line and run again, and that clip is done anew",
        )


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return load_object(path)
    except OvwError:
        return {}


def _takes_more(request: Mapping[str, Any], earlier: Mapping[str, Any]) -> bool:
    """Whether a request differs in its limit alone, and takes the clips of the earlier one and more."""
    before, now = earlier.get("limit"), request.get("limit")
    return before is not None and (now is None or now > before) and {**earlier, "limit": now} == request


def _difference(earlier: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """`beam_size 5 there, 1 now`."""
    keys = [key for key in {**earlier, **now} if earlier.get(key) != now.get(key)]
    return ", ".join(f"{key} {quoted(earlier.get(key))} there, {quoted(now.get(key))} now" for key in keys[:3])
