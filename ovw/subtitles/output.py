"""Output files: their places, and writing them whole."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from ovw.audio.inputs import Input
from ovw.errors import OvwError
from ovw.outputs import keep_inputs, write_own
from ovw.subtitles import FORMATS
from ovw.subtitles.document import Document
from ovw.subtitles.embed import TRACKS, copy_name, embed_subtitles
from ovw.subtitles.layout import lay_out
from ovw.subtitles.options import LayoutOptions


def output_folder(name: str | None) -> Path | None:
    """The folder that `-o` or a configuration names; `~` is the user's home."""
    return Path(os.path.expanduser(name)) if name else None  # noqa: PTH111, Path's own fails on an unknown user


def place_of(item: Input, folder: Path | None) -> Path:
    """Where the outputs of an input go: beside it, or in `folder`, below which sub-folders are kept."""
    return folder / item.below if folder else item.folder


def plan_outputs(
    inputs: Sequence[Input], formats: Sequence[str], folder: Path | None, *, embed: bool = False
) -> dict[Input, dict[str, Path]]:
    """The file of every input and format.

    Inputs that would share a name (`talk.mp3` and `talk.mp4`) keep their own ending: `talk.mp3.srt`. So does one whose
    name another then has: `talk.mp3.wav`, `talk.mp3.wav.srt`.

    Args:
        inputs: all of them.
        formats: names.
        folder: for the files; `None` puts each beside its input.
        embed: whether videos are copied too; the copies are not in the plan.

    Raises:
        OvwError: two inputs would be written to one file, or a file would overwrite one of the inputs.
    """
    planned = {
        item: {ending: place / f"{name}.{ending}" for ending in formats}
        for item, (place, name) in _own_names(inputs, folder).items()
    }
    sources: dict[Path, Input] = {}
    for item, files in planned.items():
        for target in [*files.values(), *(_copies(item, folder) if embed else ())]:
            if (other := sources.setdefault(target, item)) is not item:
                both = f"{other.label} and {item.label}"
                raise OvwError(f"{both} would both be written to {target}", "transcribe them into different folders")
    keep_inputs(sources, (item.path for item in inputs if item.path))
    return planned


def _copies(item: Input, folder: Path | None) -> list[Path]:
    """The copy of a video that can hold subtitles; none of other inputs."""
    video = item.file
    return [place_of(item, folder) / copy_name(video)] if video and video.suffix.lower() in TRACKS else []


def _own_names(inputs: Sequence[Input], folder: Path | None) -> dict[Input, tuple[Path, str]]:
    """The place and the name of each input's outputs: its stem where no other has that name, else its name.

    Channels of one file are named alike.
    """
    found = {item: (place_of(item, folder), item.stem) for item in inputs}
    while True:
        counts = Counter(found.values())
        shared = {item.path or item for item, own in found.items() if counts[own] > 1}
        longer = {item: (place, item.name) for item, (place, _) in found.items() if (item.path or item) in shared}
        if longer.items() <= found.items():
            return found
        found |= longer


def write_outputs(
    document: Document,
    targets: Mapping[str, Path],
    layout: LayoutOptions,
    *,
    video: Path | None = None,
    copy: Path | None = None,
    overwrite: bool = False,
    write: Callable[[Path, str], None] = write_own,
) -> Iterator[Path]:
    """Write the files of a transcription, each whole, and the copy of its video with a subtitle track.

    Args:
        document: finished.
        targets: format name -> file.
        layout: of the cues.
        video: to copy, where a copy is wanted.
        copy: of the video; `None` for none.
        overwrite: whether the copy may be there already.
        write: writes a file.

    Yields:
        Each file once it is written.

    Raises:
        OvwError: the disk refuses, or the copy fails.
    """
    for name, target in targets.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        write(target, FORMATS[name](document, layout))
        yield target
    if video and copy:
        embed_subtitles(video, lay_out(document, layout), copy, document.text_language, overwrite=overwrite)
        yield copy
