"""Repositories of the Hugging Face hub, `hf:owner/name[@revision]`: asked and fetched file by file, kept by commit."""

from __future__ import annotations

import os
import re
import shutil
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import IO, NoReturn

from ovw.artifact.download import FAILURES, TIMEOUT_S, Progress, download, explain, with_patience
from ovw.errors import OvwError, UsageError
from ovw.files import scratch_beside
from ovw.home import huggingface_cache, real_path
from ovw.hub import SCHEME, hub_endpoint
from ovw.network import LARGEST, is_offline

REFERENCE = re.compile(r"hf:(?P<name>\w[\w.-]*/\w[\w.-]*)(@(?P<revision>\w[\w./-]*))?")
COMMIT = re.compile(r"[0-9a-f]{7,64}")
LARGEST_TEXT = 64 << 20
"""Bytes of a file that is no weights."""
SHA256 = re.compile(r'"?([0-9a-f]{64})"?')
IsWhole = Callable[[Path], bool]
"""Whether a folder has all files of a model."""


@dataclass(frozen=True)
class Repository:
    """A repository at a revision.

    Attributes:
        name: `owner/name`.
        revision: a branch, a tag or a commit.
    """

    name: str
    revision: str = "main"

    @classmethod
    def parse(cls, reference: str) -> Repository:
        """Take `hf:owner/name[@revision]` apart.

        Raises:
            UsageError: it is something else.
        """
        match = REFERENCE.fullmatch(reference)
        if match is None or ".." in reference:
            raise UsageError(f"'{reference}' is no repository", "write hf:owner/name or hf:owner/name@revision")
        return cls(match["name"], match["revision"] or "main")

    def __str__(self) -> str:
        return f"{SCHEME}{self.name}" + (f"@{self.revision}" if self.revision != "main" else "")

    @property
    def cache(self) -> Path:
        """Where huggingface-hub keeps its commits."""
        return huggingface_cache() / f"models--{self.name.replace('/', '--')}"

    @property
    def cached_commit(self) -> str:
        """The commit of the revision there; the revision itself where none is known, which may be a commit."""
        return commit_in(self.cache / "refs" / self.revision) or self.revision


@dataclass(frozen=True)
class Shelf:
    """The folder in which ovw keeps the commits of a repository.

    Attributes:
        folder: of the repository.
        inner: of a model within its commit's folder; by default that folder itself.
    """

    folder: Path
    inner: str = ""

    def of(self, commit: str) -> Path:
        """The folder of a commit's model."""
        return self.folder / urllib.parse.quote(commit, safe="") / self.inner

    def kept(self, revision: str) -> str | None:
        """The commit that a revision was when it was last fetched whole."""
        return commit_in(self._pointer(revision))

    def keep(self, revision: str, commit: str) -> None:
        """Remember that a commit is here whole."""
        pointer = self._pointer(revision)
        pointer.parent.mkdir(parents=True, exist_ok=True)
        pointer.write_text(commit, encoding="utf-8")

    def _pointer(self, revision: str) -> Path:
        return self.folder / "revisions" / urllib.parse.quote(revision, safe="")


def kept_offline(repository: Repository, shelf: Shelf, is_whole: IsWhole) -> Path | None:
    """The folder of a commit that ovw, or huggingface-hub, fetched earlier."""
    if (commit := shelf.kept(repository.revision)) and is_whole(shelf.of(commit)):
        return shelf.of(commit)
    return snapshot(repository, repository.cached_commit, is_whole)


def snapshot(repository: Repository, commit: str, is_whole: IsWhole) -> Path | None:
    """The folder of a commit in the cache of huggingface-hub, if a whole model is in it."""
    folder = repository.cache / "snapshots" / commit
    return folder if COMMIT.fullmatch(commit) and folder.is_dir() and is_whole(folder) else None


def link_files(found: Path, folder: Path, names: Iterable[str]) -> None:
    """Have files of a snapshot in a folder: as links where the disk is the same, which cost no room, else copies.

    Raises:
        OvwError: they cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            with scratch_beside(folder / name) as scratch:
                scratch.unlink()
                _link_or_copy(real_path(found / name), scratch)
                scratch.replace(folder / name)
    except OSError as error:
        raise OvwError(f"cannot write {folder}: {error}", "set OVW_HOME to a folder with room") from error


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another disk, or a file system without links
        shutil.copyfile(source, target)


def commit_in(pointer: Path) -> str | None:
    """The commit that a file names, if it is one."""
    with suppress(OSError, ValueError):
        commit = pointer.read_text(encoding="utf-8").strip()
        return commit if re.fullmatch(r"\w[\w./-]*", commit) else None
    return None


def refuse_unfetched(repository: Repository) -> NoReturn:
    """Raise `OvwError`: a repository was not fetched yet."""
    raise OvwError(f"{repository} is not on this machine", "run once without --offline")


@dataclass(frozen=True)
class CommitFiles:
    """Files of one commit, fetched into a folder."""

    repository: Repository
    commit: str
    folder: Path
    on_progress: Progress

    def fetch(self, name: str, largest: int = LARGEST_TEXT) -> bool:
        """Have a file; False if the repository does not.

        Args:
            name: of it.
            largest: bytes that are taken.

        Raises:
            OvwError: it cannot be fetched.
        """
        found = look(self.repository, self.commit, name)
        if found is None:
            return False
        url = _url(self.repository, self.commit, name)
        download(url, self.folder / name, found.sha256, self.on_progress, secrets(), largest=largest)
        return True

    def fetch_weights(self, name: str) -> bool:
        """Have a large file, as `fetch`."""
        return self.fetch(name, LARGEST)

    def has(self, name: str) -> bool:
        """Whether the repository has a file."""
        return look(self.repository, self.commit, name) is not None


@dataclass(frozen=True)
class FileOnHub:
    """A file's metadata on the hub: its commit, and its hash if it is a large one."""

    commit: str | None
    sha256: str | None


class _SameHost(urllib.request.HTTPRedirectHandler):
    """Follows a renamed repository, but not a file to where it is stored: the hub's own answer has the facts."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> urllib.request.Request | None:
        there, here = urllib.parse.urlsplit(newurl), urllib.parse.urlsplit(req.full_url)
        return _head(newurl) if (there.scheme, there.netloc) == (here.scheme, here.netloc) else None


def commit_of(repository: Repository, name: str) -> str | None:
    """The commit that a revision is now; `None` where it has no file of this name. Raises as `look`."""
    first = look(repository, repository.revision, name)
    if first is None:
        return None
    return first.commit if first.commit and COMMIT.fullmatch(first.commit) else repository.revision


def look(repository: Repository, revision: str, name: str) -> FileOnHub | None:
    """Ask for a file without fetching it; `None` where there is none.

    Raises:
        OvwError: no such repository or revision, no permission, or no connection.
    """
    if is_offline(hub=True):
        refuse_unfetched(repository)
    found: list[Message] = []

    def ask() -> None:
        opener = urllib.request.build_opener(_SameHost)
        try:
            with opener.open(_head(_url(repository, revision, name)), timeout=TIMEOUT_S) as response:
                found.append(response.headers)
        except urllib.error.HTTPError as error:
            if error.code not in (301, 302, 303, 307, 308):
                raise
            error.close()
            found.append(error.headers)

    try:
        with_patience(ask)
    except urllib.error.HTTPError as error:
        if error.code == 404 and error.headers.get("X-Error-Code", "EntryNotFound") == "EntryNotFound":
            return None
        raise _refusal(repository, error) from error
    except FAILURES as error:
        raise OvwError(
            f"{repository} cannot be fetched: {explain(error)}", "run again, or with --offline if it was fetched before"
        ) from error
    hashed = SHA256.fullmatch(found[0].get("X-Linked-Etag") or "")
    return FileOnHub(found[0].get("X-Repo-Commit"), hashed[1] if hashed else None)


def _refusal(repository: Repository, error: urllib.error.HTTPError) -> OvwError:
    answer = f"HTTP {error.code}"
    if error.code == 404:
        what = "revision" if error.headers.get("X-Error-Code") == "RevisionNotFound" else "repository"
        return OvwError(f"{repository}: the hub has no such {what} ({answer})", "check the name")
    if error.code in (401, 403):
        hint = "check the name; if it is private or gated, accept its terms and set HF_TOKEN"
        return OvwError(f"{repository}: the hub gives no access, or has no such repository ({answer})", hint)
    return OvwError(f"{repository} cannot be fetched: {answer} {error.reason}", "run again later")


def _url(repository: Repository, revision: str, name: str) -> str:
    return (
        f"{hub_endpoint()}/{repository.name}/resolve/{urllib.parse.quote(revision, safe='')}/{urllib.parse.quote(name)}"
    )


def _head(url: str) -> urllib.request.Request:
    request = urllib.request.Request(url, method="HEAD")  # noqa: S310
    for name, value in secrets().items():
        request.add_unredirected_header(name, value)
    return request


def secrets() -> dict[str, str]:
    """The header that carries `$HF_TOKEN`, if there is one; it goes to the hub alone and is never shown."""
    token = (os.environ.get("HF_TOKEN") or "").strip()
    return {"Authorization": f"Bearer {token}"} if token else {}
