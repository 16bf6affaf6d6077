"""A recording from the microphone: its sound as the browser sends it, its file, and its text while it goes on."""

from __future__ import annotations

import shutil
import struct
import threading
import wave
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from queue import Empty, Queue
from typing import Any

import numpy as np
from av.audio.frame import AudioFrame
from numpy.typing import NDArray

from ovw.api.whisper import Whisper
from ovw.audio import SAMPLE_RATE
from ovw.audio.resample import Resampler
from ovw.errors import OvwError
from ovw.transcribe.result import Segment
from ovw.ui.phrases import PhraseCutter

HEADER = 44
"""Bytes before the samples of a WAV file as browsers write it."""
LAYOUTS = {1: "mono", 2: "stereo"}
POLL_S = 0.2
SURE = 0.5
"""Probability from which on the language of a phrase is that of the recording."""

Samples = NDArray[np.float32]


class MicrophoneRecording:
    """A recording that goes on: parts come from one thread, and are taken by another.

    Args:
        file: to write, as 16-bit WAV at 16 kHz.
        most_bytes: that it may have; the recording ends there.
        stopped: ends the recording and the work on it.
    """

    def __init__(self, file: Path, most_bytes: float, stopped: threading.Event) -> None:
        self.file = file
        self.stopped = stopped
        self._left = most_bytes
        self._files: set[Path] = set()
        self._parts: Queue[Samples] = Queue()
        self._resampler = Resampler()
        self._lock = threading.Lock()
        self._ended = False
        self._writer = wave.open(str(file), "wb")  # noqa: SIM115, as long as the recording goes on
        self._writer.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))

    def add(self, part: Path) -> None:
        """Take the next part, a WAV file that is not kept; one behind the end is dropped.

        Raises:
            OvwError: it is no WAV file of 16-bit samples.
        """
        frame = wav_frame(part.read_bytes())
        self._files.add(part)
        with self._lock:
            if self._ended:
                shutil.rmtree(part.parent, ignore_errors=True)
                return
            for samples in self._resampler(frame):
                self._put(samples)
        if self._left <= 0 or self.stopped.is_set():
            self.end()

    def end(self) -> None:
        """Close the file; what was recorded can still be taken."""
        with self._lock:
            if self._ended:
                return
            for samples in self._resampler.flush():
                self._put(samples)
            self._ended = True
            self._writer.close()
        for part in self._files:
            shutil.rmtree(part.parent, ignore_errors=True)

    def _put(self, samples: Samples) -> None:
        content = (samples * 32768).astype("<i2").tobytes()
        self._left -= len(content)
        self._writer.writeframesraw(content)
        self._parts.put(samples)

    def parts(self) -> Iterator[Samples]:
        """The sound as it comes, [n], 16 kHz; empty every now and then while none comes; ends with the recording."""
        while True:
            try:
                yield self._parts.get(timeout=POLL_S)
            except Empty:
                if self._ended and self._parts.empty():
                    return
                yield np.zeros(0, np.float32)


def wav_frame(wav: bytes) -> AudioFrame:
    """The samples of a part of a recording; its header was written when their number was not known.

    Raises:
        OvwError: it is no WAV file of 16-bit samples.
    """
    if wav[:4] != b"RIFF" or wav[8:16] != b"WAVEfmt " or len(wav) < HEADER:
        raise OvwError("the browser sent something that is no WAV file", "record with another program, and upload that")
    channels, rate = struct.unpack_from("<HI", wav, 22)
    (bits,) = struct.unpack_from("<H", wav, 34)
    if bits != 16 or channels not in LAYOUTS or not rate:
        seen = f"the browser sent {channels} channels of {bits} bits at {rate} Hz"
        raise OvwError(seen, "record with another program, and upload that")
    count = (len(wav) - HEADER) // (2 * channels) * channels
    frame = AudioFrame.from_ndarray(np.frombuffer(wav, "<i2", count, HEADER)[None], "s16", LAYOUTS[channels])
    frame.sample_rate = rate
    return frame


@dataclass
class LiveText:
    """The text of a recording so far.

    Attributes:
        seconds: recorded.
        language: code; empty until something was found.
        segments: in time order.
    """

    seconds: float = 0.0
    language: str = ""
    segments: list[Segment] = field(default_factory=list)


def transcribe_live(recording: MicrophoneRecording, whisper: Whisper, options: Mapping[str, Any]) -> Iterator[LiveText]:
    """Transcribe each phrase as soon as a pause follows it, apart from the others.

    Args:
        recording: that goes on.
        whisper: a loaded model.
        options: fields of `TranscribeOptions`; a language that is not given is that of the first clear phrase.

    Yields:
        The text so far, after every part of the recording.
    """
    cutter, text, chosen = PhraseCutter(whisper.threads), LiveText(), dict(options)
    for part in recording.parts():
        if recording.stopped.is_set():
            return
        text.seconds += len(part) / SAMPLE_RATE
        for phrase in cutter.feed(part):
            result = whisper.transcribe(phrase.samples, **chosen)
            text.segments += [
                replace(segment, start=segment.start + phrase.start, end=segment.end + phrase.start)
                for segment in result
            ]
            text.language = result.language
            if result.detection and result.detection.probability >= SURE:
                chosen["language"] = result.language
        yield text
