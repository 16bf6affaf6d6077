"""Repositories of the Hugging Face hub: `hf:owner/name[@revision]`, fetched file by file and kept by commit."""

from __future__ import annotations

import os
import re
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from typing import IO

from ovw.convert.sources.download import FAILURES, TIMEOUT_S, Progress, download, explain, ignore, with_patience
from ovw.convert.sources.huggingface import CONFIG, WEIGHTS, shards
from ovw.convert.sources.reading import read_json
from ovw.errors import OvwError, UsageError
from ovw.home import huggingface_cache, weights_dir
from ovw.hub import hub_endpoint
from ovw.network import LARGEST

SCHEME = "hf:"
REFERENCE = re.compile(r"hf:(?P<name>\w[\w.-]*/\w[\w.-]*)(@(?P<revision>\w[\w./-]*))?")
COMMIT = re.compile(r"[0-9a-f]{7,64}")
LARGEST_TEXT = 64 << 20
"""Bytes of a file that is no weights."""
TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "vocab.json", "merges.txt", "added_tokens.json")
OPTIONAL = ("generation_config.json", *TOKENIZER)
SHA256 = re.compile(r'"?([0-9a-f]{64})"?')


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
    def folder(self) -> Path:
        """Where its commits are kept."""
        return weights_dir() / "huggingface" / self.name.replace("/", "--")

    @property
    def pointer(self) -> Path:
        """The file that holds the commit which the revision was when it was last fetched whole."""
        return self.folder / "revisions" / urllib.parse.quote(self.revision, safe="")


def fetch_repository(reference: str, *, offline: bool = False, on_progress: Progress = ignore) -> Path:
    """The folder of a repository's model, with what of it ovw reads.

    Args:
        reference: `hf:owner/name[@revision]`.
        offline: use what was fetched earlier, open no connection.
        on_progress: of the downloads, in bytes.

    Raises:
        OvwError: it is not there, or cannot be reached.
    """
    repository = Repository.parse(reference)
    if offline:
        return _kept(repository) or _in_cache_of_hub(repository) or _missing(repository)
    first = _look(repository, repository.revision, CONFIG)
    if first is None:
        raise OvwError(f"{repository} has no {CONFIG}", "name a repository with a model of transformers")
    commit = first.commit if first.commit and COMMIT.fullmatch(first.commit) else repository.revision
    if found := _snapshot(repository, commit):
        return found
    fetch = _Fetch(repository, commit, on_progress)
    fetch.file(CONFIG)
    weights = next((name for name in WEIGHTS if fetch.file(name)), None)
    if weights is None:
        raise OvwError(f"{repository} holds no weights", f"ovw reads {', '.join(WEIGHTS)}")
    if weights.endswith(".json"):
        for shard in shards(read_json(fetch.folder / weights)):
            fetch.file(shard)
    for name in OPTIONAL:
        fetch.file(name)
    repository.pointer.parent.mkdir(parents=True, exist_ok=True)
    repository.pointer.write_text(commit, encoding="utf-8")
    return fetch.folder


def _kept(repository: Repository) -> Path | None:
    """The folder of a commit that ovw fetched earlier."""
    commit = _commit_in(repository.pointer)
    return repository.folder / urllib.parse.quote(commit, safe="") if commit else None


def _in_cache_of_hub(repository: Repository) -> Path | None:
    """The folder of a commit that huggingface-hub fetched earlier."""
    commit = _commit_in(_cache_of(repository) / "refs" / repository.revision) or repository.revision
    return _snapshot(repository, commit)


def _snapshot(repository: Repository, commit: str) -> Path | None:
    """The folder of a commit in the cache of huggingface-hub, if a whole model is in it."""
    folder = _cache_of(repository) / "snapshots" / commit
    if not COMMIT.fullmatch(commit) or not (folder / CONFIG).is_file():
        return None
    weights = next((name for name in WEIGHTS if (folder / name).is_file()), None)
    parts = shards(read_json(folder / weights)) if weights and weights.endswith(".json") else ()
    return folder if weights and all((folder / part).is_file() for part in parts) else None


def _cache_of(repository: Repository) -> Path:
    return huggingface_cache() / f"models--{repository.name.replace('/', '--')}"


def _commit_in(pointer: Path) -> str | None:
    try:
        commit = pointer.read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return None
    return commit if re.fullmatch(r"\w[\w./-]*", commit) else None


def _missing(repository: Repository) -> Path:
    raise OvwError(f"{repository} is not on this machine", "run once without --offline")


@dataclass
class _Fetch:
    """Files of one commit."""

    repository: Repository
    commit: str
    on_progress: Progress
    folder: Path = field(init=False)

    def __post_init__(self) -> None:
        self.folder = self.repository.folder / urllib.parse.quote(self.commit, safe="")

    def file(self, name: str) -> bool:
        """Have a file; False if the repository does not."""
        found = _look(self.repository, self.commit, name)
        if found is None:
            return False
        url, largest = _url(self.repository, self.commit, name), LARGEST if _is_weights(name) else LARGEST_TEXT
        download(url, self.folder / name, found.sha256, self.on_progress, secrets(), largest=largest)
        return True


def _is_weights(name: str) -> bool:
    return name.endswith((".safetensors", ".bin"))


@dataclass(frozen=True)
class _Found:
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


def _look(repository: Repository, revision: str, name: str) -> _Found | None:
    """Ask for a file without fetching it; `None` where there is none.

    Raises:
        OvwError: no such repository or revision, no permission, or no connection.
    """
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
    return _Found(found[0].get("X-Repo-Commit"), hashed[1] if hashed else None)


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
