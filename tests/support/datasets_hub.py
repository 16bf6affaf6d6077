"""A stand-in for the Hub that serves datasets, as far as the package `datasets` asks for them."""

from __future__ import annotations

import hashlib
import http.server
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import unquote

from support.serve import serving

ASKED = re.compile(
    r"/(?P<api>api/)?datasets/(?P<name>[^/]+/[^/?]+)(/(resolve|revision|(?P<tree>tree))/(?P<revision>[^/?]+))?"
    r"(/(?P<path>[^?]*))?(\?.*)?"
)


class Hub(http.server.BaseHTTPRequestHandler):
    """Serves folders as repositories at a revision.

    Args:
        repositories: (`owner/name`, revision) -> folder.
    """

    protocol_version = "HTTP/1.1"

    def __init__(self, *args: object, repositories: Mapping[tuple[str, str], Path]) -> None:
        self._repositories = dict(repositories)
        for (name, revision), folder in repositories.items():
            self._repositories[name, commit_of(revision)] = folder
        super().__init__(*args)  # type: ignore[arg-type]

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        asked = ASKED.fullmatch(self.path)
        name, revision = (asked["name"], unquote(asked["revision"] or "main")) if asked else ("", "")
        folder = self._repositories.get((name, revision))
        if asked is None or folder is None:
            return self.answer(404, b"", {"X-Error-Code": "RepoNotFound"})
        commit = revision if len(revision) == 40 else commit_of(revision)
        path = folder / unquote(asked["path"] or "")
        if asked["tree"]:
            return self.answer(200, json.dumps([entry(p, folder) for p in sorted(path.rglob("*"))]).encode())
        if asked["api"]:
            siblings = [{"rfilename": str(p.relative_to(folder))} for p in folder.rglob("*") if p.is_file()]
            return self.answer(200, json.dumps({"id": name, "sha": commit, "siblings": siblings}).encode())
        if not path.is_file():
            return self.answer(404, b"", {"X-Error-Code": "EntryNotFound"})
        return self.file(path.read_bytes(), commit)

    def file(self, data: bytes, commit: str) -> None:
        facts = {"ETag": f'"{hashlib.sha256(data).hexdigest()}"', "X-Repo-Commit": commit}
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if not asked:
            return self.answer(200, data, facts)
        first, last = int(asked[1]), min(int(asked[2] or len(data) - 1), len(data) - 1)
        facts["Content-Range"] = f"bytes {first}-{last}/{len(data)}"
        return self.answer(206, data[first : last + 1], facts)

    def answer(self, code: int, body: bytes, headers: Mapping[str, str] = {}) -> None:
        self.send_response(code)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def commit_of(revision: str) -> str:
    return hashlib.sha1(revision.encode(), usedforsecurity=False).hexdigest()


def entry(path: Path, folder: Path) -> dict[str, object]:
    facts: dict[str, object] = {"path": str(path.relative_to(folder)), "oid": commit_of(str(path))}
    return facts | ({"type": "directory"} if path.is_dir() else {"type": "file", "size": path.stat().st_size})


@contextmanager
def serve_hub(repositories: Mapping[tuple[str, str], Path]) -> Iterator[str]:
    """Serve repositories on this machine; gives the address for `HF_ENDPOINT`."""
    with serving(partial(Hub, repositories=repositories)) as address:
        yield address
