"""Output files: which may be written, and which are ovw's own.

Their hashes as written are kept under `$OVW_HOME`, so that edited files are known.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from ovw.artifact.hashing import file_sha256
from ovw.errors import OvwError, reason
from ovw.files import name_problem, scratch_beside, write_whole
from ovw.home import home, real_path
from ovw.text_files import escaped

logger = logging.getLogger(__name__)

ANNOUNCED = ""
"""In the place of a hash that is not known yet."""


def write_own(target: Path, content: str | bytes) -> None:
    """Write a file as `write_whole` does. Its hash is noted first: a kill in between must not make it another's.

    Raises:
        OvwError: the disk refuses.
    """
    data = escaped(content).encode() if isinstance(content, str) else content
    _note(target, hashlib.sha256(data).hexdigest())
    write_whole(target, data)


def announce(outputs: Iterable[Path]) -> None:
    """Note files that other machines are about to write: a kill before `remember` must not make them another's."""
    for path in outputs:
        _note(path, ANNOUNCED)


def remember(outputs: Iterable[Path]) -> None:
    """Note the hashes of files that other machines wrote."""
    for path in outputs:
        _note(path, file_sha256(path))


def _note(path: Path, sha256: str) -> None:
    """Note a hash; without a home to write to, the file counts as another's later."""
    entry = json.dumps({"name": path.name, "sha256": sha256})
    try:
        log = _log_of(path.parent)
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8") as stream:
            stream.write(entry + "\n")  # one short write, whole among those of other processes
    except OSError as error:
        logger.debug("cannot note %s: %s", path, reason(error))


class OwnFiles:
    """The files that ovw wrote: what is noted of a folder is read once, however many of its files are asked about."""

    def __init__(self) -> None:
        self._written: dict[Path, dict[str, set[str]]] = {}

    def wrote(self, path: Path) -> bool:
        """Whether ovw wrote a file under this name, which may have been edited since."""
        return path.name in self._in(path.parent)

    def is_edited(self, path: Path) -> bool:
        """Whether a file is one that ovw wrote, and not as it wrote it; unknown where only `announce` noted it."""
        hashes = self._in(path.parent).get(path.name, set()) - {ANNOUNCED}
        return bool(hashes) and file_sha256(path) not in hashes

    def is_unchanged(self, path: Path) -> bool:
        """Whether a file is one that ovw wrote, and as it wrote it."""
        return path.is_file() and file_sha256(path) in self._in(path.parent).get(path.name, ())

    def _in(self, folder: Path) -> dict[str, set[str]]:
        if folder not in self._written:
            self._written[folder] = _written_in(folder)
        return self._written[folder]


def refusals(outputs: Iterable[Path], *, overwrite: bool, own: OwnFiles | None = None) -> dict[Path, OvwError]:
    """The files that must not or cannot be written, and why.

    Args:
        outputs: about to be written.
        overwrite: whether files may go that ovw did not write, or that were edited since.
        own: the files that ovw wrote, where several calls ask about one folder.
    """
    found: dict[Path, OvwError] = {}
    own = own or OwnFiles()
    for path in outputs:
        if problem := name_problem(path):
            hint = "shorten the name, or choose another folder with -o"
            found[path] = OvwError(f"{path} cannot be written: {problem}", hint)
        elif not overwrite and path.exists() and not own.is_unchanged(path):
            found[path] = OvwError(
                f"{path} was not written by ovw, or was edited since: it is kept",
                "--overwrite replaces it, -o writes elsewhere",
            )
    return found


def keep_inputs(targets: Iterable[Path], inputs: Iterable[Path]) -> None:
    """Refuse to write over an input.

    Raises:
        OvwError: a target is one.
    """
    taken = {real_path(path) for path in inputs}
    for target in targets:
        if real_path(target) in taken:
            raise OvwError(f"{target} is one of the inputs and would be overwritten", "choose another folder with -o")


def check_writable(folders: Iterable[Path]) -> None:
    """Have the folders, and find out before the work whether they can be written.

    Raises:
        OvwError: one cannot.
    """
    for folder in set(folders):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with scratch_beside(folder / "any"):
                pass
        except OSError as error:
            raise OvwError(f"cannot write to {folder}: {error.strerror}", "choose another folder with -o") from None


def _written_in(folder: Path) -> dict[str, set[str]]:
    """Name -> hashes of the files that ovw wrote into a folder: the latest may be noted, and not in place."""
    found: dict[str, set[str]] = defaultdict(set)
    try:
        lines = _log_of(folder).read_text(encoding="utf-8").splitlines()
    except OSError:
        return found
    for line in lines:
        try:
            entry = json.loads(line)
            found[entry["name"]].add(entry["sha256"])
        except (ValueError, TypeError, KeyError):  # a line that a full disk cut off
            continue
    return found


def _log_of(folder: Path) -> Path:
    key = hashlib.sha256(str(real_path(folder)).encode("utf-8", "surrogateescape")).hexdigest()[:32]
    return home() / "outputs" / f"{key}.jsonl"
