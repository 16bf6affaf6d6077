"""Servers that mean no good: endless, huge, slow, or leading elsewhere."""

import shutil
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import SimpleNamespace
from urllib.request import Request, build_opener

import pytest
from support.serve import serving

from ovw import network
from ovw.artifact import download as module
from ovw.artifact.download import download
from ovw.artifact.hub_repository import Repository
from ovw.audio import download as media
from ovw.convert.sources.hub import fetch_repository
from ovw.errors import OvwError, UsageError
from ovw.network import Redirects, Transfer, check_stray, is_private


class Hostile(BaseHTTPRequestHandler):
    """What it does is in the path."""

    def do_GET(self) -> None:
        getattr(self, self.path.strip("/").partition("/")[0])()

    def head(self, code: int = 200, **headers: str) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def endless(self) -> None:
        self.head()
        try:
            while True:
                self.wfile.write(bytes(1 << 16))
        except OSError:
            pass

    def huge(self) -> None:
        self.head(Content_Length=str(1 << 60))

    def drip(self) -> None:
        self.head(Content_Length="1000000")
        try:
            while True:
                self.wfile.write(b"x")
                self.wfile.flush()
                time.sleep(0.01)
        except OSError:
            pass

    def short(self) -> None:
        self.head(Content_Length="10", Content_Type="audio/wav")
        self.wfile.write(b"12345")

    def away(self) -> None:
        host, port = self.server.server_address[:2]
        other = {"127.0.0.1": "localhost", "localhost": "127.0.0.1"}[self.headers["Host"].partition(":")[0]]
        assert host == "127.0.0.1"
        self.head(302, Location=f"http://{other}:{port}/away", Content_Length="0")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSE_S", 0)


@pytest.mark.parametrize("what", ["endless", "huge"])
def test_a_size_cap(tmp_path: Path, what: str) -> None:
    with serving(Hostile) as root, pytest.raises(OvwError, match=r"bytes, at most 10000000 are taken"):
        download(f"{root}/{what}", tmp_path / "model.pt", None, largest=10_000_000)
    assert not (tmp_path / "model.pt").exists()
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) < 20_000_000


def test_room_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=network.RESERVE + 500_000))
    with serving(Hostile) as root, pytest.raises(OvwError, match=r"1 MB more to come, .* has 269 MB free"):
        download(f"{root}/drip", tmp_path / "model.pt", None)


def test_a_byte_now_and_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "PATIENCE_S", 0.1)
    with serving(Hostile) as root, pytest.raises(OvwError, match=r"bytes in 0 s .*at least 10000 a second"):
        download(f"{root}/drip", tmp_path / "model.pt", None)


def test_an_end_to_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    transfer = Transfer("http://x/y", tmp_path)
    transfer.advance(10**9, 10**9)
    monkeypatch.setattr(network, "LONGEST_S", -1.0)
    with pytest.raises(OvwError, match="http://x/y: 1000000000 bytes in 0 s"):
        transfer.advance(0, 10**9)


def test_a_short_body_says_why(tmp_path: Path) -> None:
    with (
        serving(Hostile) as root,
        pytest.raises(OvwError, match="cannot be fetched: the connection broke at 5 of 10 bytes"),
    ):
        download(f"{root}/short", tmp_path / "model.pt", None)


def test_a_short_recording_says_why(tmp_path: Path) -> None:
    with serving(Hostile) as root, pytest.raises(OvwError, match="Got error: 5 bytes read, 5 more expected"):
        media.download(media.Remote(f"{root}/short", "short"), tmp_path)


def test_from_host_to_host(tmp_path: Path) -> None:
    with serving(Hostile) as root, pytest.raises(OvwError, match=r"leads over more than 3 other hosts"):
        download(f"{root}/away", tmp_path / "model.pt", None)


ADDRESSES = {"public.example": "93.184.216.34", "inside.example": "10.0.0.7", "meta.example": "169.254.169.254"}


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names and where they lead."""

    def look_up(host: str, port: object, *_: object) -> list:
        address = ADDRESSES.get(host, host)
        if not address[:1].isdigit() and ":" not in address:
            raise OSError("no such name")
        return [(2, 1, 6, "", (address, 0))]

    monkeypatch.setattr(network.socket, "getaddrinfo", look_up)


@pytest.mark.parametrize(
    ("url", "private"),
    [
        ("https://public.example/x", False), ("http://inside.example", True), ("http://169.254.169.254/latest", True), ("http://[::1]:80/", True),
        ("http://192.168.1.1", True), ("http://[fe80::1%25eth0]/", True), ("http://unknown.example", False), ("nonsense", False), ("http://0.0.0.0", True),
    ],
)  # fmt: skip
def test_private_networks(names: None, url: str, private: bool) -> None:
    assert is_private(url) == private


def test_nobody_is_led_into_a_private_network(names: None) -> None:
    check_stray("http://inside.example/a", "http://10.0.0.9/b")
    check_stray("https://public.example/a", "https://public.example/b")
    with pytest.raises(OvwError, match=r"leads to http://169\.254\.169\.254/x, in a private network"):
        check_stray("https://public.example/a", "http://169.254.169.254/x")
    build_opener(Redirects)
    for there, told in (("https://meta.example/x", "private network"), ("http://public.example/x", "not encrypted")):
        with pytest.raises(OvwError, match=told):
            Redirects().redirect_request(Request("https://93.184.216.35/a"), None, 302, "", {}, there)
    assert Redirects().redirect_request(
        Request("https://93.184.216.35/a"), None, 302, "", {}, "https://public.example/x"
    )


def test_lists_do_not_lead_there_either(names: None) -> None:
    entry = {"_type": "url", "url": "http://inside.example/a.mp3", "title": "a"}
    with pytest.raises(OvwError, match="private network"):
        list(media._entry("https://public.example/feed", 1, entry, 0))
    assert [remote.url for remote in media._entry("http://inside.example/feed", 1, entry, 0)] == [entry["url"]]


@pytest.mark.parametrize("reference", ["hf:a/..", "hf:./b", "hf:a/b@.", "hf:a/b@.."])
def test_no_repository_leads_out_of_its_folder(home: Path, reference: str) -> None:
    with pytest.raises(UsageError, match="is no repository"):
        Repository.parse(reference)


@pytest.mark.parametrize("commit", ["..", ".", "../../x", "", "a/b", "c" * 300])
def test_no_commit_leads_out_of_its_folder(home: Path, commit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Hub(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(200 if "config.json" in self.path else 404)
            self.send_header("X-Repo-Commit", commit)
            self.send_header("Content-Length", "2")
            self.end_headers()

        def do_GET(self) -> None:
            self.do_HEAD()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            pass

    with serving(Hub) as root:
        monkeypatch.setenv("HF_ENDPOINT", root)
        with pytest.raises(OvwError, match="holds no weights"):
            fetch_repository("hf:owner/name")
    kept = home / "weights" / "huggingface"
    assert [path.relative_to(kept).as_posix() for path in kept.rglob("*") if path.is_file()] == [
        "owner--name/main/config.json"
    ]
    pointer = kept / "owner--name" / "revisions" / "main"
    pointer.parent.mkdir()
    pointer.write_text(commit)
    if commit in ("..", ".", "../../x", ""):
        with pytest.raises(OvwError, match="is not on this machine"):
            fetch_repository("hf:owner/name", offline=True)
