"""What MEDIA on a command line means: files, folders, addresses and standard input."""

from __future__ import annotations

import os
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ovw.audio.download import Remote, list_remote
from ovw.errors import OvwError, reason

STDIN = "-"
STDIN_NAME = "stdin"
MEDIA_SUFFIXES = frozenset({
    ".3g2", ".3gp", ".aac", ".ac3", ".aif", ".aifc", ".aiff", ".alac", ".amr", ".ape", ".asf", ".au", ".avi", ".awb",
    ".caf", ".divx", ".dts", ".dv", ".eac3", ".f4v", ".flac", ".flv", ".gsm", ".m2ts", ".m4a", ".m4b", ".m4v", ".mka",
    ".mkv", ".mov", ".mp2", ".mp3", ".mp4", ".mpc", ".mpeg", ".mpg", ".mpga", ".mts", ".mxf", ".nut", ".oga", ".ogg",
    ".ogm", ".ogv", ".opus", ".qt", ".ra", ".rm", ".rmvb", ".snd", ".spx", ".tak", ".ts", ".tta", ".vob", ".voc",
    ".w64", ".wav", ".weba", ".webm", ".wma", ".wmv", ".wv",
})  # fmt: skip
"""Endings taken from a folder; a file that is named itself may have any."""


@dataclass(frozen=True)
class Input:
    """Something to transcribe.

    Attributes:
        label: what messages call it.
        name: its file name, or a title; outputs are called after it.
        folder: where outputs go unless a folder is asked for.
        below: sub-folder of a folder that is asked for.
        path: the file, if it is one here.
        remote: where it is, if it has to be downloaded. Neither: standard input.
    """

    label: str
    name: str
    folder: Path
    below: Path = Path()
    path: Path | None = None
    remote: Remote | None = None

    @property
    def stem(self) -> str:
        """`name` without the ending of a file name; titles have none."""
        return self.path.stem if self.path else self.name


def expand(media: Sequence[str]) -> tuple[list[Input], list[OvwError]]:
    """The inputs that arguments mean, in order and each once, and what is wrong with the other arguments.

    Args:
        media: files, folders (searched for media by their endings), http(s) addresses, and `-` for standard input. No
            connection is opened unless an address is given.
    """
    inputs: dict[Path | Input, Input] = {}
    problems: list[OvwError] = []
    for argument in dict.fromkeys(media):
        try:
            for item in _inputs_of(argument):
                inputs.setdefault(_place(item.path) if item.path else item, item)
        except OvwError as problem:
            problems.append(problem)
    return list(_apart(inputs.values())), problems


def _inputs_of(argument: str) -> list[Input]:
    if argument == STDIN:
        if sys.stdin is None or sys.stdin.isatty():
            raise OvwError(
                "standard input: nothing is piped in", "arecord -f S16_LE -r 16000 | ovw transcribe - --pcm s16le"
            )
        return [Input("standard input", STDIN_NAME, Path())]
    if re.match(r"https?://", argument, re.IGNORECASE):
        return [
            Input(f"{remote.url} ({remote.title})", remote.title, Path(), remote=remote)
            for remote in list_remote(argument)
        ]
    if re.match(r"[a-z][a-z0-9+.-]*://", argument, re.IGNORECASE):
        raise OvwError(f"{argument}: only http and https addresses are opened", "download it first")
    path = Path(argument)
    if not _is_folder(argument):
        return [_file(path)]
    found = find_media(path)
    if not found:
        raise OvwError(
            f"{path}: no audio or video file in this folder", "files with other endings can be named one by one"
        )
    return [_file(file, below=file.parent.relative_to(path)) for file in found]


def _place(path: Path) -> Path:
    """The same for a file however its folder was reached."""
    return path.parent.resolve() / path.name


def _file(path: Path, below: Path = Path()) -> Input:
    return Input(str(path), path.name, path.parent, below, path=path)


def _is_folder(argument: str) -> bool:
    """Whether it is a folder rather than a file.

    Raises:
        OvwError: it is neither.
    """
    try:
        if argument:
            os.stat(argument)  # noqa: PTH116, an empty path would become the current folder
            return Path(argument).is_dir()
        problem = "an empty name"
    except FileNotFoundError:
        problem = "no such file"
    except (OSError, ValueError) as error:
        problem = f"cannot be read: {reason(error)}"
    raise OvwError(f"{argument}: {problem}", "check the path")


def find_media(folder: Path) -> list[Path]:
    """Media files in a folder and those below it, sorted; what is hidden is left out, links are followed once."""
    found: list[Path] = []
    seen: set[Path] = set()
    for here, folders, files in os.walk(folder, followlinks=True):
        real = Path(here).resolve()
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if name[0] != ".")
        found += [Path(here) / name for name in sorted(files) if _is_media(name)]
    return found


def _is_media(name: str) -> bool:
    return name[0] != "." and Path(name).suffix.lower() in MEDIA_SUFFIXES


def _apart(inputs: Iterable[Input]) -> Iterator[Input]:
    """Downloads of one title get a number, so that each has files of its own."""
    titles: Counter[str] = Counter()
    for item in inputs:
        if item.remote:
            titles[item.name] += 1
            if titles[item.name] > 1:
                yield replace(item, name=f"{item.name} ({titles[item.name]})")
                continue
        yield item
