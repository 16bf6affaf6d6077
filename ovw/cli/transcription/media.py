"""The media of an input, a download where it is an address."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ovw.audio.download import Remote
    from ovw.audio.inputs import Input
    from ovw.audio.samples import Media
    from ovw.cli.console import Terminal
    from ovw.cli.transcription.config import TranscribeConfig


@contextmanager
def media_of(item: Input, config: TranscribeConfig, terminal: Terminal) -> Iterator[Media]:
    """The media of an input: its file, a download that is removed afterwards, or a stream."""
    from ovw.audio.decode import stream_audio
    from ovw.audio.inputs import fetched
    from ovw.audio.reading import Pcm

    if item.reads_once:
        pcm = Pcm(config.pcm, config.pcm_rate, config.pcm_channels) if config.pcm else None
        yield stream_audio(item.path or sys.stdin.buffer, config.sound(), pcm)
        return
    with fetched(item, partial(_download, terminal)) as file:
        yield file


def _download(terminal: Terminal, remote: Remote, folder: Path) -> Path:
    from ovw.audio.download import download

    with terminal.bar(f"download {remote.title}") as bar:
        return download(remote, folder, bar.downloaded)
