"""Downloads against a local server: resumed, hashed, never losing a good file."""

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ovw.artifact import download as module
from ovw.artifact.download import download
from ovw.errors import OvwError

DATA = bytes(range(256)) * 20_000
SHA = hashlib.sha256(DATA).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """Serves `DATA` with ranges; breaks the connection after `break_after` bytes, `breaks` times."""

    break_after = len(DATA)
    breaks = 0
    failures: list[str] = []  # noqa: RUF012
    requests: list[str | None] = []  # noqa: RUF012

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        Handler.requests.append(wanted)
        if Handler.failures:
            self.fail(Handler.failures.pop())
            return
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        if start >= len(DATA):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(DATA)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(len(DATA) - start))
        self.end_headers()
        body = DATA[start:]
        if Handler.breaks:
            Handler.breaks -= 1
            body = body[: Handler.break_after]
        self.wfile.write(body)

    def fail(self, how: str) -> None:
        if how == "status":
            self.wfile.write(b"this is no HTTP\r\n\r\n")
        elif how == "chunk":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n" + DATA[:4])
        else:
            self.send_error(int(how))

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSE_S", 0)


@pytest.fixture
def url() -> Iterator[str]:
    Handler.breaks, Handler.requests, Handler.failures = 0, [], []
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


@pytest.mark.parametrize("failure", ["status", "chunk", "503", "429"])
def test_passing_failures_are_tried_again(url: str, tmp_path: Path, failure: str) -> None:
    Handler.failures = [failure] * 3
    assert download(url, tmp_path / "model.pt", SHA).read_bytes() == DATA
    assert len(Handler.requests) == 4


@pytest.mark.parametrize(
    ("failure", "told"), [("status", "no HTTP"), ("chunk", "IncompleteRead"), ("503", "HTTP 503"), ("404", "HTTP 404")]
)
def test_lasting_failures_are_told(url: str, tmp_path: Path, failure: str, told: str) -> None:
    Handler.failures = [failure] * 9
    with pytest.raises(OvwError, match=f"cannot be fetched: .*{told}"):
        download(url, tmp_path / "model.pt", SHA)
    assert len(Handler.requests) == (1 if failure == "404" else 4)
    assert not (tmp_path / "model.pt").exists()


def test_what_gets_on_is_not_given_up(url: str, tmp_path: Path) -> None:
    Handler.breaks, Handler.break_after = 9, 500_000
    assert download(url, tmp_path / "model.pt", SHA).read_bytes() == DATA


def test_a_part_that_is_too_long_is_fetched_anew(url: str, tmp_path: Path) -> None:
    (tmp_path / "model.pt.part").write_bytes(DATA + b"more")
    assert download(url, tmp_path / "model.pt", None).read_bytes() == DATA
    (tmp_path / "model.pt").unlink()
    (tmp_path / "model.pt.part").write_bytes(DATA)
    assert download(url, tmp_path / "model.pt", None).read_bytes() == DATA


def test_two_at_once_fetch_once(url: str, tmp_path: Path) -> None:
    target = tmp_path / "model.pt"
    threads = [threading.Thread(target=download, args=(url, target, SHA)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert target.read_bytes() == DATA
    assert len(Handler.requests) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["model.pt"]


def test_a_full_disk(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.os, "fsync", full)
    with pytest.raises(OvwError, match="No space left on device"):
        download(url, tmp_path / "model.pt", SHA)
    assert len(Handler.requests) == 1


def test_unreachable(tmp_path: Path) -> None:
    with pytest.raises(OvwError, match="cannot be fetched: Connection refused"):
        download("http://127.0.0.1:9/model.pt", tmp_path / "model.pt", SHA)
