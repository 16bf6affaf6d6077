"""From an utterance to samples."""

from __future__ import annotations

import hashlib
import io
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ovw.artifact.hashing import file_sha256
from ovw.audio import SAMPLE_RATE
from ovw.audio.decode import load_audio
from ovw.audio.pipes import is_pipe
from ovw.datasets.utterance import Item, Problem, Utterance
from ovw.errors import OvwError, reason
from ovw.media_fragment import short_seconds

logger = logging.getLogger(__name__)

LENGTH_TOLERANCE_S = 1.0
LENGTH_TOLERANCE = 0.01
"""Durations in lists are rounded, some decoders add or drop a frame, and of MP3 files lengths are often estimated: as
much as a list may be off, in seconds or as a share of the file, whichever is more."""


@dataclass(frozen=True)
class Clip:
    """A decoded clip.

    Attributes:
        samples: [n], 16 kHz mono, in [-1, 1].
        sha256: of the media file as the dataset has it, the same whatever holds it; of a part of a file, with the part
            behind it (`ovw.media_fragment`).
    """

    samples: NDArray[np.float32]
    sha256: str


def read_clip(utterance: Utterance) -> Clip:
    """Read and decode an utterance's audio. A file of several clips stays in memory, see `forget_recording`.

    Raises:
        OvwError: no such file, one that cannot be decoded, a part that lies behind its end, or a whole file whose
            length is not what the dataset has.
    """
    if not isinstance(utterance.audio, Path):
        data = read_bytes(utterance)
        samples = _cut(_decode(data, utterance.location), utterance)
        return Clip(samples, hashlib.sha256(data).hexdigest() + utterance.fragment)
    require_regular(utterance.audio)
    if utterance.fragment:
        samples = _cut(_recording(*_state(utterance)), utterance)
    else:
        forget_recording()
        samples = load_audio(utterance.audio)
        _require_length(utterance, len(samples) / SAMPLE_RATE)
    return Clip(samples, clip_sha256(utterance))


def usable_clips(items: Iterable[Item]) -> Iterator[tuple[Utterance, Clip]]:
    """The utterances among items with their audio, as `read_clip`; one that cannot be used is a warning."""
    try:
        for item in items:
            if isinstance(item, Problem):
                continue
            try:
                clip = read_clip(item)
            except OvwError as error:
                logger.warning("%s is not used: %s", item.id, error.message)
                continue
            yield item, clip
    finally:
        forget_recording()


def clip_sha256(utterance: Utterance) -> str:
    """The hash of an utterance's media file, and its part of it.

    Raises:
        OvwError: it cannot be read.
    """
    if not isinstance(utterance.audio, Path):
        return hashlib.sha256(read_bytes(utterance)).hexdigest() + utterance.fragment
    require_regular(utterance.audio)
    try:
        if utterance.fragment:
            return _recording_sha256(*_state(utterance)) + utterance.fragment
        return file_sha256(utterance.audio)
    except (OSError, ValueError) as error:
        raise OvwError(f"{utterance.location}: {reason(error)}", "check the path") from None


def _cut(samples: NDArray[np.float32], utterance: Utterance) -> NDArray[np.float32]:
    """The utterance's part of its file; a copy, which does not hold the rest."""
    if not utterance.fragment:
        return samples
    length_s = len(samples) / SAMPLE_RATE
    start, end = utterance.start_s, length_s if utterance.end_s is None else utterance.end_s
    if start >= length_s or end > length_s + LENGTH_TOLERANCE_S:
        segment = f"from {short_seconds(start)} s" + (f" to {short_seconds(end)} s" if utterance.end_s else "")
        raise OvwError(
            f"{utterance.location}: its segment is {segment}, the file ends at {length_s:.2f} s",
            "times are seconds from the beginning of the file",
        )
    return samples[round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)].copy()


def _require_length(utterance: Utterance, length_s: float) -> None:
    """Refuse a clip that the list describes as a much shorter or longer one: its text is not that of the file."""
    listed = utterance.duration_s
    allowed = max(LENGTH_TOLERANCE_S, LENGTH_TOLERANCE * length_s)
    if listed is not None and listed > 0 and abs(listed - length_s) > allowed:
        raise OvwError(
            f"{utterance.location}: its duration is {listed:g} s in the list, the file has {length_s:.2f} s",
            "a part of a file needs its offset, too; durations are seconds",
        )


def _state(utterance: Utterance) -> tuple[Path, int, int]:
    """The file of an utterance as it is now."""
    path = utterance.audio
    assert isinstance(path, Path)
    try:
        found = path.stat()
    except (OSError, ValueError) as error:
        raise OvwError(f"{path}: {reason(error)}", "check the path") from None
    return path, found.st_size, found.st_mtime_ns


@lru_cache(maxsize=1)
def _recording(path: Path, size: int, modified_ns: int) -> NDArray[np.float32]:
    """The samples of a file that holds several clips, which lists have one behind the other."""
    return load_audio(path)


def forget_recording() -> None:
    """Free the samples of the file that segments were last cut out of: 230 MB an hour."""
    _recording.cache_clear()


@lru_cache(maxsize=64)
def _recording_sha256(path: Path, size: int, modified_ns: int) -> str:
    return file_sha256(path)


def require_regular(path: Path) -> None:
    """Refuse pipes and devices: they can be read once, or without end.

    Raises:
        OvwError: it is one.
    """
    if is_pipe(path):
        raise OvwError(f"{path}: not a regular file", "a clip of a dataset is a file, which is read again to resume")


def read_bytes(utterance: Utterance) -> bytes:
    """The media file of an utterance.

    Raises:
        OvwError: it cannot be read.
    """
    audio = utterance.audio
    try:
        if isinstance(audio, Path):
            require_regular(audio)
            return audio.read_bytes()
        return audio if isinstance(audio, bytes) else audio()
    except (OSError, EOFError) as error:
        raise OvwError(f"{utterance.location}: {reason(error)}", "check the path") from None


def _decode(data: bytes, location: str) -> NDArray[np.float32]:
    stream = io.BytesIO(data)
    stream.name = location  # for messages
    return load_audio(stream)
