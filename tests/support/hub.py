"""A stand-in for the hub on this machine: it answers as the hub does, by commit, with large files elsewhere."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import unquote

import pytest

from ovw.artifact import download
from support.serve import serving

COMMIT = "c0ffee" * 6 + "c0ff"
TOKEN = "hf_secret"


class Hub(BaseHTTPRequestHandler):
    """`owner/name` and `openai/whisper-small` at `main`, `v1` and its commit; `owner/old` was renamed.

    `owner/private` is for those with the token.
    """

    folder: Path
    store: str
    seen: list[tuple[str, str, str | None]] = []  # noqa: RUF012
    break_once = False

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        self.answer()

    def answer(self) -> None:
        token = self.headers.get("Authorization")
        Hub.seen.append((self.command, self.path, token))
        owner, name, _, revision, file = unquote(self.path).lstrip("/").split("/", 4)
        if owner == "stored":  # the other server
            return self.give((Hub.folder / file).read_bytes(), {})
        if name == "old":
            return self.refuse(307, {"Location": self.path.replace("/old/", "/name/")})
        if name == "broken":
            return self.refuse(503, {})
        if name == "private" and token != f"Bearer {TOKEN}":
            return self.refuse(401, {})
        if name not in ("name", "private", "whisper-small"):
            return self.refuse(404, {"X-Error-Code": "RepoNotFound"})
        if revision not in ("main", "v1", COMMIT):
            return self.refuse(404, {"X-Error-Code": "RevisionNotFound"})
        if not (Hub.folder / file).is_file():
            return self.refuse(404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT})
        facts = {"X-Repo-Commit": COMMIT, "ETag": '"abc"'}
        if not file.endswith((".safetensors", ".bin")):
            return self.give((Hub.folder / file).read_bytes(), facts)
        sha = hashlib.sha256((Hub.folder / file).read_bytes()).hexdigest()
        elsewhere = {"Location": f"{Hub.store}/stored/x/y/z/{file}", "X-Linked-Etag": f'"{sha}"'}
        return self.refuse(302, facts | elsewhere)

    def give(self, body: bytes, headers: dict[str, str]) -> None:
        start = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").rstrip("-"))
        self.send_response(206 if start else 200)
        for name, value in (headers | {"Content-Length": str(len(body) - start)}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            broken = Hub.break_once and len(body) > 100_000
            Hub.break_once = Hub.break_once and not broken
            self.wfile.write(body[start : 50_000 if broken else None])

    def refuse(self, code: int, headers: dict[str, str]) -> None:
        self.send_response(code)
        for name, value in (headers | {"Content-Length": "0"}).items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def serving_hub(folder: Path, patch: pytest.MonkeyPatch) -> Iterator[type[Hub]]:
    """Serve a Hugging Face folder as every repository of the stand-in; `HF_ENDPOINT` leads there."""
    Hub.seen, Hub.break_once, Hub.folder = [], False, folder
    with ExitStack() as stack:
        endpoint, Hub.store = (stack.enter_context(serving(Hub)) for _ in range(2))
        patch.setenv("HF_ENDPOINT", f"{endpoint}/")
        patch.delenv("HF_TOKEN", raising=False)
        patch.setattr(download, "PAUSE_S", 0)
        yield Hub
