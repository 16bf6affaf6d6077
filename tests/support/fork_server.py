"""Runs `ovw` in children of a process that has imported it: each as alone as when a user starts it, without the wait.

Takes requests as lines of JSON from its input, and answers each with the exit code. Nothing that makes threads happens
in the process itself. Conversions are the cheaper ones of `support.cheaper`.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import runpy
import sys
import threading
import traceback
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

import typer.main

NEEDED = (
    "rich.progress",
    "ovw.api.whisper",
    "ovw.cli.app",
    "ovw.cli.transcription.config",
    "ovw.cli.transcription.in_process",
    "ovw.evaluate.pipeline",
    "ovw.report.pipeline",
    "ovw.subtitles.output",
)


def preload() -> None:
    """Import what a verb needs, and keep the garbage collector from walking over all of it once a child."""
    import support.cheaper  # noqa: F401

    for name in NEEDED:
        importlib.import_module(name)
    typer.main.get_command = cache(typer.main.get_command)  # the options of all verbs are looked up once
    typer.main.get_command(sys.modules["ovw.cli.app"].app)
    gc.collect()
    gc.freeze()


def become(request: dict[str, Any]) -> None:
    """What a process of its own would begin with."""
    for number, name in ((1, "stdout"), (2, "stderr")):
        opened = os.open(request[name], os.O_WRONLY)
        os.dup2(opened, number)
        os.close(opened)
        # the stream that is there took the parent's pipe for granted, and fails on a terminal
        setattr(sys, name, os.fdopen(number, "w", 1 if name == "stderr" else -1, closefd=False))
    _pipe_in(Path(request["stdin"]))
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv = ["ovw", *request["arguments"]]
    from support.cheaper import cheaper_conversions

    cheaper_conversions(setattr)


def _pipe_in(path: Path) -> None:
    """Make a pipe of the input, through which a file comes."""
    reading, writing = os.pipe()
    os.dup2(reading, 0)
    os.close(reading)
    if not os.fork():
        os.close(0)
        with suppress(BrokenPipeError), os.fdopen(writing, "wb") as pipe:
            pipe.write(path.read_bytes())
        os._exit(0)
    os.close(writing)


def serve() -> dict[str, Any] | None:
    """Answer until there are no more requests; in a child it gives the request."""
    for line in sys.stdin:
        request: dict[str, Any] = json.loads(line)
        child = os.fork()
        if not child:
            return request
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
    return None


def run() -> int:
    """Run `ovw`, and give its exit code."""
    try:
        runpy.run_module("ovw", run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def end(code: int) -> NoReturn:
    """End as the interpreter does, but for taking apart all that was imported: that copies the server's memory."""
    threading._shutdown()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    preload()
    if (request := serve()) is not None:
        become(request)
        end(run())
