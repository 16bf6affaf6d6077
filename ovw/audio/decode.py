"""Any media file to mono samples at 16 kHz, through FFmpeg's libraries (PyAV)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from numpy.typing import NDArray

from ovw.audio import SAMPLE_RATE
from ovw.errors import OvwError

MEDIA_ERRORS = (av.error.FFmpegError, OSError, ValueError)
LATE_START_S = 0.1
"""Audio that starts later than this after the picture is shifted; less is codec priming, which every player ignores."""


def load_audio(path: Path, stream: int | None = None) -> NDArray[np.float32]:
    """Decode a whole file.

    Args:
        path: audio or video, anything FFmpeg reads.
        stream: which audio stream, counted from 0; the first if not given.

    Returns:
        Samples in [-1, 1], shape [n], 16 kHz.

    Raises:
        OvwError: no such file, not media, no audio in it, or nothing that decodes.
    """
    blocks = list(stream_audio(path, stream))
    if not blocks:
        raise OvwError(f"{path}: no audio could be decoded", "is the file complete?")
    return np.concatenate(blocks)


def stream_audio(path: Path, stream: int | None = None) -> Iterator[NDArray[np.float32]]:
    """Decode a file block by block: yields samples in [-1, 1], 16 kHz mono, as FFmpeg hands out frames.

    Damaged packets are passed over, as a player would.

    Raises:
        OvwError: as `load_audio`.
    """
    with _open(path) as container:
        chosen = _choose_stream(container, path, stream)
        resample = _Resampler()
        first = True
        for frame in _frames(container, chosen):
            if first:
                first = False
                yield from _late_start(container, frame)
            yield from resample(frame)
        yield from resample(None)


def media_duration(path: Path, stream: int | None = None) -> float:
    """Seconds of audio that a file claims to hold; 0 when it does not say.

    Raises:
        OvwError: as `load_audio`.
    """
    with _open(path) as container:
        chosen = _choose_stream(container, path, stream)
        if chosen.duration and chosen.time_base:
            return float(chosen.duration * chosen.time_base)
        return (container.duration or 0) / av.time_base


def _open(path: Path) -> InputContainer:
    try:
        container: InputContainer = av.open(f"file:{path}", mode="r", metadata_errors="ignore")
        return container
    except FileNotFoundError:
        raise OvwError(f"{path}: no such file", "check the path") from None
    except IsADirectoryError:
        raise OvwError(f"{path} is a folder", "name a media file") from None
    except MEDIA_ERRORS as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise OvwError(f"{path}: cannot be read as audio or video: {reason}", "is it a media file?") from None


def _choose_stream(container: InputContainer, path: Path, index: int | None) -> AudioStream:
    streams = container.streams.audio
    if not streams:
        raise OvwError(f"{path}: has no audio stream", "nothing to transcribe")
    if index is not None and not 0 <= index < len(streams):
        raise OvwError(f"{path}: has no audio stream {index}", f"it has {len(streams)}, counted from 0")
    chosen = streams[index or 0]
    if chosen.codec_context is None:
        raise OvwError(f"{path}: FFmpeg has no decoder for its audio", "convert it to a common format")
    chosen.codec_context.thread_type = "AUTO"
    return chosen


def _frames(container: InputContainer, stream: AudioStream) -> Iterator[AudioFrame]:
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except (StopIteration, *MEDIA_ERRORS):  # the end, or a container cut off in the middle
            return
        try:
            yield from packet.decode()
        except MEDIA_ERRORS:
            continue


def _late_start(container: InputContainer, frame: AudioFrame) -> Iterator[NDArray[np.float32]]:
    """Silence for the time that the picture runs before the sound, so that subtitles stay in step with it."""
    if frame.time is None or container.start_time is None or not container.streams.video:
        return
    late = frame.time - container.start_time / av.time_base
    if late > LATE_START_S:
        yield np.zeros(round(late * SAMPLE_RATE), np.float32)


class _Resampler:
    """FFmpeg's resampler to 16 kHz mono s16, started anew when the input changes its format."""

    def __init__(self) -> None:
        self._key: tuple[str, str, int] | None = None
        self._resampler = self._fresh()

    @staticmethod
    def _fresh() -> AudioResampler:
        return AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)

    def __call__(self, frame: AudioFrame | None) -> Iterator[NDArray[np.float32]]:
        if frame is None:
            if self._key is not None:
                yield from self._convert(None)
            return
        key = (frame.format.name, frame.layout.name, frame.sample_rate)
        if self._key not in (None, key):
            yield from self._convert(None)
            self._resampler = self._fresh()
        self._key = key
        yield from self._convert(frame)

    def _convert(self, frame: AudioFrame | None) -> Iterator[NDArray[np.float32]]:
        try:
            converted = self._resampler.resample(frame)
        except MEDIA_ERRORS:  # a damaged frame
            return
        for out in converted:
            yield out.to_ndarray().ravel().astype(np.float32) / 32768.0
