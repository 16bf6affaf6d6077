"""Inputs of a command line: files, folders, addresses and standard input."""

from __future__ import annotations

import logging
import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ovw.audio.choice import SoundChoice, channel_name
from ovw.audio.folders import find_media
from ovw.audio.pipes import is_pipe
from ovw.errors import OvwError, reason
from ovw.home import real_path
from ovw.scratch import scratch_folder
from ovw.text_files import refuse_text

if TYPE_CHECKING:
    from ovw.audio.download import Remote

STDIN = "-"
STDIN_NAME = "stdin"
LIST_SUFFIXES = frozenset({".jsonl", ".csv"})
"""Endings of a list of media; none of them is one of our outputs."""

ReadList = Callable[[Path], Iterable[str | OvwError]]
"""Entries of a list: paths as they are written there, addresses, and problems of the other entries."""


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
        channel: the only channel to take, from 0; outputs are called after it too.
    """

    label: str
    name: str
    folder: Path
    below: Path = Path()
    path: Path | None = None
    remote: Remote | None = None
    channel: int | None = None

    @property
    def is_stdin(self) -> bool:
        return self.path is None and self.remote is None

    def sound(self, choice: SoundChoice) -> SoundChoice:
        """The choice from it: as chosen for all inputs, and its own channel."""
        return choice if self.channel is None else replace(choice, channel=self.channel)

    @property
    def reads_once(self) -> bool:
        """Whether it can be neither read again nor copied: standard input, pipes."""
        return self.is_stdin or (self.path is not None and is_pipe(self.path))

    @property
    def file(self) -> Path | None:
        """The path of a file that is here and can be read again."""
        return None if self.reads_once else self.path

    @property
    def stem(self) -> str:
        """`name` without the ending of a file name; titles have none."""
        name = self.path.stem if self.path else self.name
        return name if self.channel is None else f"{name}.{channel_name(self.channel)}"


def of_each_channel(item: Input, count: Callable[[Path], int]) -> list[Input]:
    """An input for each of the channels of a file.

    Args:
        item: the file.
        count: gives the number of channels of a file.

    Raises:
        OvwError: the file is not here, so its channels cannot be counted and read one after the other.
    """
    if item.file is None:
        raise OvwError(f"{item.label}: --channel each reads a file several times", "download or save it first")
    channels = range(count(item.file))
    return (
        [
            replace(item, label=f"{item.label} ({channel_name(i)})", name=f"{item.name}.{channel_name(i)}", channel=i)
            for i in channels
        ]
        if len(channels) > 1
        else [item]
    )


@dataclass(frozen=True)
class _Argument:
    """Something that names media: on the command line, or in a list.

    Attributes:
        text: a file, a folder, an address or `-`.
        below: sub-folder of the list's folder.
    """

    text: str
    below: Path = Path()


def expand(media: Sequence[str], read_list: ReadList | None = None) -> tuple[list[Input], list[OvwError]]:
    """The inputs that arguments mean, in order and each once, and what is wrong with the other arguments.

    Args:
        media: files, folders (searched for media by their endings), http(s) addresses, and `-` for standard input. No
            connection is opened unless an address is given.
        read_list: opens files that list media, by `LIST_SUFFIXES`; their paths are relative to the list. Handed in,
            since only `ovw.datasets` knows about tables.
    """
    inputs: dict[Path | Input, Input] = {}
    problems: list[OvwError] = []
    for argument in _arguments(media, read_list):
        try:
            if isinstance(argument, OvwError):
                raise argument
            for item in _inputs_of(argument.text):
                found = replace(item, below=argument.below / item.below)
                inputs.setdefault(_place(item.path) if item.path else found, found)
        except OvwError as problem:
            problems.append(problem)
    return list(_apart(inputs.values())), problems


def _arguments(media: Sequence[str], read_list: ReadList | None) -> Iterator[_Argument | OvwError]:
    """The arguments, lists among them opened."""
    for text in dict.fromkeys(media):
        path = Path(text)
        is_list = path.suffix.lower() in LIST_SUFFIXES and os.path.isfile(text)  # noqa: PTH113, takes any name
        if read_list is None or not is_list:
            yield _Argument(text)
            continue
        try:
            for entry in read_list(path):
                yield entry if isinstance(entry, OvwError) else _listed(entry, path.parent)
        except OvwError as problem:
            yield problem


def _listed(entry: str, folder: Path) -> _Argument:
    if _is_address(entry):
        return _Argument(entry)
    below = Path(entry).parent
    inside = not below.is_absolute() and ".." not in below.parts
    return _Argument(os.path.join(folder, entry), below if inside else Path())  # noqa: PTH118, keeps `./-` a path


@contextmanager
def fetched(item: Input, fetch: Callable[[Remote, Path], Path] | None = None) -> Iterator[Path]:
    """The file of an input that is not standard input; a download is removed afterwards.

    Args:
        item: an input.
        fetch: downloads into an empty folder; by default `ovw.audio.download.download`.

    Raises:
        OvwError: it cannot be downloaded.
    """
    if item.path:
        yield item.path
        return
    assert item.remote is not None  # callers see to standard input
    from ovw.audio.download import download

    with scratch_folder() as folder:
        file = (fetch or download)(item.remote, folder)
        with _called(str(file), item.label):
            yield file


@contextmanager
def _called(path: str, label: str) -> Iterator[None]:
    """Errors and warnings about a temporary file name what it was fetched from."""

    def rename(record: logging.LogRecord) -> bool:
        record.msg, record.args = record.getMessage().replace(path, label), ()
        return True

    decoding = logging.getLogger("ovw.audio.decode")
    decoding.addFilter(rename)
    try:
        yield
    except OvwError as error:
        raise type(error)(error.message.replace(path, label), error.hint) from error
    finally:
        decoding.removeFilter(rename)


def _inputs_of(argument: str) -> list[Input]:
    if argument == STDIN:
        if sys.stdin is None or sys.stdin.isatty():
            raise OvwError(
                "standard input: nothing is piped in", "arecord -f S16_LE -r 16000 | ovw transcribe - --pcm s16le"
            )
        return [Input("standard input", STDIN_NAME, Path())]
    if _is_address(argument):
        from ovw.audio.download import list_remote  # what opens connections takes 20 ms to import

        listed = list_remote(argument)
        return [Input(f"{remote.url} ({remote.title})", remote.title, Path(), remote=remote) for remote in listed]
    if re.match(r"[a-z][a-z0-9+.-]*://", argument, re.IGNORECASE):
        raise OvwError(f"{argument}: only http and https addresses are opened", "download it first")
    path = Path(argument)
    if not _is_folder(argument):
        refuse_text(path)
        return [_file(path)]
    found = find_media(path)
    if not found:
        raise OvwError(
            f"{path}: no audio or video file in this folder", "files with other endings can be named one by one"
        )
    return [_file(file, below=file.parent.relative_to(path)) for file in found]


def _is_address(argument: str) -> bool:
    return re.match(r"https?://", argument, re.IGNORECASE) is not None


def _place(path: Path) -> Path:
    """A key that is equal for a file however its folder was reached."""
    return real_path(path.parent) / path.name


def _file(path: Path, below: Path = Path()) -> Input:
    folder = Path() if path.is_relative_to("/dev") or path.is_relative_to("/proc") else path.parent
    return Input(str(path), path.name, folder, below, path=path)


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
