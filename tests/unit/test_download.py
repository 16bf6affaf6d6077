"""Downloads against a local server: resumed, hashed, never losing a good file."""

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ovw.convert.sources.download import download
from ovw.errors import OvwError

DATA = bytes(range(256)) * 20_000
SHA = hashlib.sha256(DATA).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """Serves `DATA` with ranges; breaks the connection after `break_after` bytes, `breaks` times."""

    break_after = len(DATA)
    breaks = 0
    requests: list[str | None] = []  # noqa: RUF012

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        Handler.requests.append(wanted)
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        if start >= len(DATA):
            self.send_error(416)
            return
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(len(DATA) - start))
        self.end_headers()
        body = DATA[start:]
        if Handler.breaks:
            Handler.breaks -= 1
            body = body[: Handler.break_after]
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    Handler.breaks, Handler.requests = 0, []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/model.pt"
    server.shutdown()
    thread.join()
    server.server_close()


def test_whole(url: str, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    target = download(url, tmp_path / "deep" / "model.pt", SHA, lambda done, total: seen.append((done, total)))
    assert target.read_bytes() == DATA
    assert seen[-1] == (len(DATA), len(DATA))
    assert [p.name for p in target.parent.iterdir()] == ["model.pt"]
    download(url, target, SHA)
    assert len(Handler.requests) == 1, "a good file was fetched again"


def test_broken_connection_is_resumed(url: str, tmp_path: Path) -> None:
    Handler.breaks, Handler.break_after = 2, 1_500_000
    assert download(url, tmp_path / "model.pt", SHA).read_bytes() == DATA
    assert Handler.requests == [None, "bytes=1500000-", "bytes=3000000-"]


def test_interrupted_run_is_resumed(url: str, tmp_path: Path) -> None:
    (tmp_path / "model.pt.part").write_bytes(DATA[:1000])
    assert download(url, tmp_path / "model.pt", SHA).read_bytes() == DATA
    assert Handler.requests == ["bytes=1000-"]


def test_wrong_hash_keeps_what_was_there(url: str, tmp_path: Path) -> None:
    target = tmp_path / "model.pt"
    target.write_bytes(b"old")
    with pytest.raises(OvwError, match=f"arrived with SHA-256 {SHA}, expected 00ff"):
        download(url, target, "00ff")
    assert target.read_bytes() == b"old"
    assert not (tmp_path / "model.pt.part").exists()


def test_unreachable(tmp_path: Path) -> None:
    with pytest.raises(OvwError, match="cannot be fetched"):
        download("http://127.0.0.1:9/model.pt", tmp_path / "model.pt", SHA)
