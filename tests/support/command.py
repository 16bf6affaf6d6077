"""Run `ovw` as a user does, in a process of its own."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import cache
from pathlib import Path
from tempfile import NamedTemporaryFile
from threading import Thread

OVW = [sys.executable, "-m", "ovw"]
ONE_AFTER_THE_OTHER = """
import contextlib, io, json, sys
from ovw.cli.app import main
done = []
for args in json.load(sys.stdin):
    sys.argv = ["ovw", *args]
    code, shown = 0, io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(shown):
        try:
            main()
        except SystemExit as ended:
            code = ended.code
    done.append((code, shown.getvalue()))
json.dump(done, sys.stdout)
"""


class _Server:
    """A fork server, see `support.fork_server`."""

    def __init__(self) -> None:
        command = [sys.executable, str(Path(__file__).with_name("fork_server.py"))]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(
        self,
        arguments: Sequence[str],
        cwd: Path,
        environment: Mapping[str, str],
        stdin: bytes = b"",
        terminal: str | None = None,
    ) -> subprocess.CompletedProcess[bytes]:
        with ExitStack() as stack:
            files = {name: stack.enter_context(NamedTemporaryFile()) for name in ("stdin", "stdout", "stderr")}
            files["stdin"].write(stdin)
            files["stdin"].flush()
            names = {name: file.name for name, file in files.items()}
            if terminal:
                names |= {"stdout": terminal, "stderr": terminal}
            request = {"arguments": arguments, "cwd": str(cwd), "environment": dict(environment), **names}
            print(json.dumps(request), file=self._process.stdin, flush=True)
            code = int(self._process.stdout.readline())
            return subprocess.CompletedProcess(arguments, code, files["stdout"].read(), files["stderr"].read())

    def end(self) -> None:
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


@cache
def _server() -> _Server:
    return _Server()


def end_fork_server() -> None:
    if _server.cache_info().currsize:
        _server().end()
        _server.cache_clear()


def run_forked(
    args: Sequence[object], environment: Mapping[str, str], cwd: Path | None = None, stdin: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    """The finished process, which takes `stdin` from a pipe."""
    return _server().run([*map(str, args)], cwd or Path.cwd(), environment, stdin)


def ovw(
    *args: object, cwd: Path | None = None, home: Path | None = None, code: int = 0
) -> subprocess.CompletedProcess[str]:
    """The finished process; its exit code is as expected and there is no traceback."""
    done = run_forked(args, _environment(home), cwd)
    shown = subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())
    assert shown.returncode == code, shown.stderr + shown.stdout
    assert "Traceback" not in shown.stderr
    return shown


def ovw_on_terminal(*args: object, cwd: Path, home: Path) -> str:
    """All that a command shows on a terminal of 100 columns; it has to succeed."""
    master, slave = pty.openpty()
    shown = bytearray()

    def read() -> None:
        with suppress(OSError):  # the end of a terminal on Linux
            while part := os.read(master, 4096):
                shown.extend(part)

    reader = Thread(target=read)
    reader.start()
    environment = _environment(home) | {"TERM": "xterm"}
    done = _server().run([*map(str, args)], cwd, environment, terminal=os.ttyname(slave))
    os.close(slave)
    reader.join()
    os.close(master)
    text = shown.decode()
    assert done.returncode == 0, text
    return text


def refused(*args: object, code: int, cwd: Path | None = None, home: Path | None = None) -> str:
    """The one line in which a request is refused."""
    return _one_line(ovw(*args, code=code, cwd=cwd, home=home).stderr)


def all_refused(requests: Sequence[tuple[Sequence[object], int]], home: Path) -> list[str]:
    """The lines in which several requests (arguments, exit code) are refused, in one process: it is quicker."""
    found = _one_after_the_other([args for args, _ in requests], home, None)
    for (args, code), (ended, shown) in zip(requests, found, strict=True):
        assert ended == code, (args, shown)
    return [_one_line(shown) for _, shown in found]


def all_done(requests: Sequence[Sequence[object]], home: Path, cwd: Path) -> None:
    """Several requests succeed, in one process."""
    for args, (code, shown) in zip(requests, _one_after_the_other(requests, home, cwd), strict=True):
        assert code == 0, (args, shown)


def _one_after_the_other(requests: Sequence[Sequence[object]], home: Path, cwd: Path | None) -> list[tuple[int, str]]:
    """Exit code and standard error of each."""
    asked = json.dumps([[*map(str, args)] for args in requests])
    done = subprocess.run(
        [sys.executable, "-c", ONE_AFTER_THE_OTHER],
        capture_output=True,
        text=True,
        env=_environment(home),
        input=asked,
        cwd=cwd,
    )
    assert done.returncode == 0, done.stderr
    return [(code, shown) for code, shown in json.loads(done.stdout)]


def _one_line(shown: str) -> str:
    lines = shown.strip().splitlines()
    assert len(lines) == 1, shown
    assert lines[0].startswith("ovw: ")
    assert "Hint: " in lines[0]
    return lines[0]


def _environment(home: Path | None) -> dict[str, str]:
    own = {"OVW_HOME": str(home)} if home else {}
    if "HF_ENDPOINT" not in os.environ:  # no server of the test's is to be asked: not even a socket may be made
        own["OVW_TEST_SOCKETS"] = "none"
    return os.environ | {"COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"} | own
