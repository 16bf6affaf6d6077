"""From an utterance to samples."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ovw.artifact.hashing import file_sha256
from ovw.audio.decode import load_audio
from ovw.datasets.utterance import Utterance
from ovw.errors import OvwError, reason


@dataclass(frozen=True)
class Clip:
    """A decoded clip.

    Attributes:
        samples: [n], 16 kHz mono, in [-1, 1].
        sha256: of the media file as the dataset has it, the same whatever holds it.
    """

    samples: NDArray[np.float32]
    sha256: str


def read_clip(utterance: Utterance) -> Clip:
    """Read and decode an utterance's audio.

    Raises:
        OvwError: no such file, or one that cannot be decoded.
    """
    if isinstance(utterance.audio, Path):
        samples = load_audio(utterance.audio)
        return Clip(samples, clip_sha256(utterance))
    data = read_bytes(utterance)
    return Clip(_decode(data, utterance.location), hashlib.sha256(data).hexdigest())


def clip_sha256(utterance: Utterance) -> str:
    """The hash of an utterance's media file.

    Raises:
        OvwError: it cannot be read.
    """
    if not isinstance(utterance.audio, Path):
        return hashlib.sha256(read_bytes(utterance)).hexdigest()
    try:
        return file_sha256(utterance.audio)
    except OSError as error:
        raise OvwError(f"{utterance.location}: {reason(error)}", "check the path") from None


def read_bytes(utterance: Utterance) -> bytes:
    """The media file of an utterance.

    Raises:
        OvwError: it cannot be read.
    """
    audio = utterance.audio
    try:
        if isinstance(audio, Path):
            return audio.read_bytes()
        return audio if isinstance(audio, bytes) else audio()
    except (OSError, EOFError) as error:
        raise OvwError(f"{utterance.location}: {reason(error)}", "check the path") from None


def _decode(data: bytes, location: str) -> NDArray[np.float32]:
    stream = io.BytesIO(data)
    stream.name = location  # for messages
    return load_audio(stream)
