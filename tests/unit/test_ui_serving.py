"""The web page in a process of its own: what it serves to whom, uploads, and what it leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote_plus, urlsplit

import pytest

PASSWORD = "long enough"


@contextmanager
def serving(home: Path, **environment: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """`ovw ui` in a process of its own; its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "ovw", "ui", "--port", "0", "--upload-limit", "0.1"],
        env={**os.environ, "OVW_HOME": str(home), "TMPDIR": str(home), "PYTHONUNBUFFERED": "1", **environment},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout
        yield process.stdout.readline().split()[0], process
    finally:
        process.terminate()
        process.wait(20)
        assert process.stdout
        process.stdout.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A page with a password."""
    with serving(tmp_path_factory.mktemp("home"), OVW_UI_PASSWORD=PASSWORD) as (address, _):
        yield address


def status(
    opener: urllib.request.OpenerDirector, address: str | urllib.request.Request, data: bytes | None = None
) -> int:
    try:
        with opener.open(address, data, timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def test_nothing_is_served_without_the_password(served: str) -> None:
    stranger = urllib.request.build_opener()
    assert status(stranger, f"{served}config") == 401
    assert status(stranger, f"{served}gradio_api/file=/etc/passwd") == 401
    assert status(stranger, f"{served}login", b"username=ovw&password=guessed+it") == 400


def test_nothing_outside_of_its_folder_is_served(served: str) -> None:
    user = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    assert status(user, f"{served}login", f"username=ovw&password={quote_plus(PASSWORD)}".encode()) == 200
    assert status(user, f"{served}config") == 200
    for path in ("/etc/passwd", Path(__file__).resolve(), Path.cwd() / "pyproject.toml", Path.home() / ".profile"):
        assert status(user, f"{served}gradio_api/file={path}") in (403, 404)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, 200),
        ({"Origin": "http://{host}"}, 200),
        ({"Origin": "https://talks.example", "X-Forwarded-Host": "talks.example"}, 200),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://evil.example", "Host": "evil.example"}, 403),
        ({"Host": "evil.example"}, 403),
        ({"Host": "["}, 403),
        ({"Origin": "http://[::1"}, 403),
    ],
)
def test_pages_of_others_ask_in_vain(served: str, headers: dict[str, str], expected: int) -> None:
    user = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    assert status(user, f"{served}login", f"username=ovw&password={quote_plus(PASSWORD)}".encode()) == 200
    sent = {name: value.format(host=urlsplit(served).netloc) for name, value in headers.items()}
    cookies = "; ".join(f"{c.name}={c.value}" for h in user.handlers for c in getattr(h, "cookiejar", ()))
    plain = urllib.request.build_opener()
    assert status(plain, urllib.request.Request(f"{served}config", headers={**sent, "Cookie": cookies})) == expected


def test_an_upload_stays_for_a_tab_that_has_not_begun_its_work(tmp_path: Path) -> None:
    user = urllib.request.build_opener()
    with serving(tmp_path) as (address, _):
        paths = [uploaded(user, address, name, sound) for name, sound in (("a", b"1"), ("a", b"2"), ("b", b"2"))]
        tabs = {}
        for tab, sent in (("one", paths[:2]), ("two", paths[2:])):
            tabs[tab] = user.open(f"{address}gradio_api/heartbeat/{tab}", timeout=20)
            tabs[tab].readline()
            for path in sent:
                file = {"path": str(path), "meta": {"_type": "gradio.FileData"}}
                asked = json.dumps({"data": [file], "session_hash": tab}).encode()
                kind = {"Content-Type": "application/json"}
                assert status(user, urllib.request.Request(f"{address}gradio_api/run/_note_upload", asked, kind)) == 200
        tabs["one"].close()
        for _ in range(200):
            if not paths[0].exists():
                break
            time.sleep(0.1)
        assert [path.exists() for path in paths] == [False, True, True]
        tabs["two"].close()


def uploaded(user: urllib.request.OpenerDirector, address: str, name: str, sound: bytes) -> Path:
    """A file sent to the page."""
    head = f'--x\r\nContent-Disposition: form-data; name="files"; filename="{name}.wav"\r\n\r\n'
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    asked = urllib.request.Request(f"{address}gradio_api/upload", head.encode() + sound + b"\r\n--x--\r\n", kind)
    with user.open(asked, timeout=20) as answer:
        return Path(json.load(answer)[0])


@pytest.mark.parametrize(("size", "expected"), [(50_000, 200), (200_000, 413)])
def test_uploads_have_a_limit(served: str, size: int, expected: int) -> None:
    user = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    status(user, f"{served}login", f"username=ovw&password={quote_plus(PASSWORD)}".encode())
    head = '--x\r\nContent-Disposition: form-data; name="files"; filename="a.wav"\r\n\r\n'
    body = head.encode() + b"\0" * size + b"\r\n--x--\r\n"
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    assert status(user, urllib.request.Request(f"{served}gradio_api/upload", body, kind)) == expected


def test_nothing_stays_behind(tmp_path: Path) -> None:
    with serving(tmp_path) as (address, process):
        assert status(urllib.request.build_opener(), address) == 200
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
    assert not list(tmp_path.glob("*scratch*"))
    assert not list(tmp_path.glob("gradio*"))
