"""Open media and choose the audio stream; every failure is reported in one line."""

from __future__ import annotations

import io
import select
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition

from ovw.audio.choice import DEFAULT, SoundChoice, choose_track
from ovw.audio.open_files import can_seek, from_here
from ovw.audio.pipes import is_pipe, open_pipe
from ovw.errors import OvwError, reason
from ovw.lifetime import LiveInput, was_interrupted

Source = Path | BinaryIO
"""A file, or an open binary file such as standard input."""
MEDIA_ERRORS = (av.error.FFmpegError, OSError, ValueError)
LOCAL_ONLY = {"protocol_whitelist": "file,crypto,data"}
"""A playlist in a file must not make FFmpeg open connections."""
STALLED_S = 20.0
"""Seconds in which FFmpeg has to find the next packet of a file, or its headers: it could search in zeros for hours."""
REST_S, QUIET_S, REST_BYTES = 2.0, 0.5, 1 << 22
"""Seconds for which a pipe is read behind Ctrl-C, of silence in it that end that earlier, and the most that is read."""
HEAD = 8
"""Bytes that show whether a file is an MP4."""
RATES = range(1000, 10_000_001)
"""Sample rates that occur, from telemetry to DSD; others are damage."""
LONGEST_S = 366 * 24 * 3600.0
"""A longer duration is damage."""


@dataclass(frozen=True)
class Pcm:
    """Layout of samples without a header.

    Attributes:
        format: FFmpeg's name, such as `s16le` or `f32le`.
        rate: samples per second.
        channels: interleaved.
    """

    format: str = "s16le"
    rate: int = 16_000
    channels: int = 1

    def options(self) -> dict[str, str]:
        """These values for FFmpeg's demuxer."""
        return {"sample_rate": str(self.rate), "ch_layout": f"{self.channels}c"}


def name_of(source: Source) -> str:
    """The name of a source in messages."""
    name = source if isinstance(source, Path) else getattr(source, "name", None)
    if name == "<stdin>":
        return "standard input"
    return str(name) if isinstance(name, str | Path) else "the open file"


@contextmanager
def opened(source: Source, pcm: Pcm | None = None) -> Iterator[InputContainer]:
    """An open container.

    Args:
        source: what to open; an open file is read from where it stands, need not seek, and is back there afterwards
            if it can.
        pcm: the layout of headerless samples; by default FFmpeg finds out what the source holds.

    Raises:
        OvwError: no such file, or not media.
    """
    name = name_of(source)
    if isinstance(source, Path) and is_pipe(source):
        with open_pipe(source) as pipe, opened(pipe, pcm) as container:
            yield container
    elif isinstance(source, Path):
        with _open(source, name, pcm) as container:
            yield container
    elif can_seek(source):
        with from_here(source) as file, _open(file, name, pcm) as container:
            yield container
    elif pcm is None and _needs_seeking(head := _head_of(source, name)):
        with tempfile.TemporaryFile() as copy:
            try:
                copy.write(head)
                shutil.copyfileobj(source, copy)
            except OSError as error:
                seen = f"{name} cannot be copied to a temporary file: {reason(error)}"
                raise OvwError(seen, "save it first") from None
            copy.seek(0)
            with _open(cast("BinaryIO", copy), name, pcm) as container:
                yield container
    else:
        once = _Once(source, b"" if pcm else head)
        try:
            with once.live.is_open(), _open(once, name, pcm) as container:
                yield container
        finally:
            if once.interrupted:
                raise KeyboardInterrupt


def _head_of(source: BinaryIO, name: str) -> bytes:
    """The first bytes of a file that cannot seek, which may give fewer than it is asked for.

    Raises:
        OvwError: it cannot be read.
    """
    head = b""
    try:
        while len(head) < HEAD and (more := source.read(HEAD - len(head))):
            head += more
    except OSError as error:
        raise OvwError(f"{name} cannot be read: {reason(error)}", "open it again") from None
    return head


def _needs_seeking(head: bytes) -> bool:
    """Whether a file begins as an MP4 or a kin of it, which most often has its index at the end."""
    return head[4:] in (b"ftyp", b"mdat", b"wide", b"free")


class _Once:
    """A file that cannot seek, read as far as it has come.

    FFmpeg's callbacks swallow Ctrl-C; here it ends the file, and is remembered where it is to end more than that.

    Args:
        file: to read.
        head: what was read of it already.
    """

    def __init__(self, file: BinaryIO, head: bytes) -> None:
        self._file = file
        self._head = head
        self._read = getattr(file, "read1", file.read)
        self._rest: io.BytesIO | None = None
        self.live = LiveInput()
        self.interrupted = False

    def read(self, size: int) -> bytes:
        held, self._head = [self._head] if self._head else [], b""
        try:
            if not held and not self.live.ended:
                with self.live.waiting():
                    held.extend(map(self._read, (size,)))  # one call: no signal comes between reading and keeping
        except KeyboardInterrupt:
            self.interrupted = not self.live.ended
        if self.interrupted or not held:
            return self._read_rest(size)
        self.live.began = self.live.began or bool(held[0])
        return bytes(held[0])

    def _read_rest(self, size: int) -> bytes:
        with suppress(KeyboardInterrupt):
            if self._rest is None and self.live.ended:
                self._rest = io.BytesIO(b"".join(self._left_in_pipe()))
        self.interrupted = was_interrupted() or not self.live.ended
        return self._rest.read(size) if self._rest and not self.interrupted else b""

    def _left_in_pipe(self) -> Iterator[bytes]:
        """Sound that was recorded before Ctrl-C ended the input; Ctrl-C makes most recorders write their last."""
        until, room = time.monotonic() + REST_S, REST_BYTES
        with suppress(OSError, ValueError, AttributeError):  # no file of the system, or not one to wait for
            while room > 0 and time.monotonic() < until and select.select([self._file], [], [], QUIET_S)[0]:
                data = bytes(self._read(1 << 16))
                if not data:
                    return
                room -= len(data)
                yield data


def _open(source: Source | _Once, name: str, pcm: Pcm | None) -> InputContainer:
    is_path = isinstance(source, Path)
    try:
        container: InputContainer = av.open(
            f"file:{source}" if is_path else source,
            mode="r",
            format=pcm.format if pcm else None,
            metadata_errors="ignore",
            timeout=STALLED_S if is_path else None,  # an open file may be a live one, which pauses
            container_options=LOCAL_ONLY | (pcm.options() if pcm else {}),
        )
        return container
    except FileNotFoundError:
        raise OvwError(f"{name}: no such file", "check the path") from None
    except IsADirectoryError:
        raise OvwError(f"{name} is a folder", "name a media file") from None
    except MEDIA_ERRORS as error:
        hint = "it may be no media, or incomplete" + (
            "; headerless samples need --pcm" if name == "standard input" else ""
        )
        raise OvwError(f"{name}: cannot be read as audio or video: {reason(error)}", hint) from None


def choose_stream(container: InputContainer, name: str, choice: SoundChoice = DEFAULT) -> AudioStream:
    """The audio stream that is meant, by default the one that a player would begin with.

    Raises:
        OvwError: there is none, or none that FFmpeg can decode.
    """
    streams = container.streams.audio
    if not streams:
        raise OvwError(f"{name}: has no audio stream", "nothing to transcribe")
    chosen = choose_track(streams, choice, name)
    codec = chosen.codec_context
    if codec is None:
        raise OvwError(f"{name}: FFmpeg has no decoder for its audio", "convert it to a common format")
    if codec.sample_rate and codec.sample_rate not in RATES:
        raise OvwError(f"{name}: claims {codec.sample_rate} samples a second", "its header is damaged")
    codec.thread_type = "AUTO"
    return chosen


def start_of(container: InputContainer) -> float | None:
    """The clock reading, in seconds, at which a video starts; `None` without a picture, where sound sets the start."""
    pictures = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not pictures or container.start_time is None:
        return None
    return float(container.start_time / av.time_base)


def duration_of(container: InputContainer, stream: AudioStream) -> float | None:
    """Seconds that the sound lasts by the container's own account, if it has one that can be."""
    seconds: float | None = None
    if stream.duration and stream.time_base:
        start = start_of(container)
        late = 0.0 if start is None else (stream.start_time or 0) * stream.time_base - start
        seconds = float(stream.duration * stream.time_base + late)
    elif container.duration:
        origin = (container.start_time or 0) if container.format.name.startswith("matroska") else 0
        seconds = (container.duration - origin) / av.time_base  # Matroska counts from zero, not from its first frame
    return seconds if seconds is not None and 0 < seconds < LONGEST_S else None
