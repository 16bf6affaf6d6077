"""The work behind the first tab: segments as they come, then the files."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ovw.api.whisper import Whisper
from ovw.errors import OvwError
from ovw.files import write_whole
from ovw.subtitles import FORMATS
from ovw.subtitles.document import Document
from ovw.subtitles.embed import copy_name, track_of
from ovw.subtitles.options import PLAIN
from ovw.subtitles.output import write_outputs
from ovw.transcribe.result import Segment
from ovw.ui.cues import Row, cue_rows
from ovw.ui.recording import MicrophoneRecording, transcribe_live
from ovw.ui.tabs import LoadedModels

VIDEO_COPY = "video"
"""Choice beside the formats: a copy of the video with the track inside."""
REFRESH_S = 0.5
"""Between two tables of cues: each is laid out and sent as a whole."""


@dataclass(frozen=True)
class SubtitleRequest:
    """Choices of a user.

    Attributes:
        media: the file.
        model: name of an artifact.
        task: `transcribe` or `translate`.
        language: code; `None` detects it.
        word_timestamps: time every word.
    """

    media: Path
    model: str
    task: str = "transcribe"
    language: str | None = None
    word_timestamps: bool = False

    def options(self) -> dict[str, Any]:
        """As the runner takes them; the rest is as on the command line."""
        chosen: dict[str, Any] = {"task": self.task, "word_timestamps": self.word_timestamps}
        return chosen | ({"language": self.language} if self.language else {})


@dataclass(frozen=True)
class SubtitleState:
    """The state of a transcription.

    Attributes:
        message: for the user.
        rows: cues so far.
        document: once it is finished.
    """

    message: str
    rows: list[Row]
    document: Document | None = None


def make_subtitles(request: SubtitleRequest, models: LoadedModels, stopped: threading.Event) -> Iterator[SubtitleState]:
    """Transcribe, yielding the state twice a second at most, and at the end.

    Args:
        request: what is wanted.
        models: loaded ones.
        stopped: ends the work before the next segment.

    Raises:
        OvwError: the media or the model cannot do what is asked.
    """
    yield SubtitleState(f"loading {request.model}", [])
    whisper = _loaded(request, models)
    yield SubtitleState(f"reading {request.media.name}", [])
    result = whisper.transcribe(request.media, **request.options())
    segments: list[Segment] = []
    shown_at = -REFRESH_S
    for segment in result:
        if stopped.is_set():
            yield SubtitleState("stopped", _live_rows(result.media, result.language, segments))
            return
        segments.append(segment)
        if (now := time.monotonic()) - shown_at < REFRESH_S:
            continue
        shown_at = now
        message = f"{segment.end:.0f} of {result.duration:.0f} s, language {result.language}"
        yield SubtitleState(message, _live_rows(result.media, result.language, segments))
    document = result.document()
    if not document.segments:
        yield SubtitleState("no speech was found", [], document)
        return
    rows = cue_rows(document)
    yield SubtitleState(
        f"done: {len(rows)} cues, {document.duration:.1f} s, language {document.language}", rows, document
    )


def live_subtitles(
    request: SubtitleRequest, recording: MicrophoneRecording, models: LoadedModels
) -> Iterator[SubtitleState]:
    """Transcribe a recording while it goes on, yielding the state after every second and every cue.

    The cues are provisional: each knows nothing of the others. Those of the whole file are better.

    Args:
        request: what is wanted.
        recording: that goes on.
        models: loaded ones.

    Raises:
        OvwError: the model cannot do what is asked.
    """
    shown = (-1, 0)
    for text in transcribe_live(recording, _loaded(request, models), request.options()):
        if shown != (shown := (int(text.seconds), len(text.segments))):
            language = f", language {text.language}" if text.language else ""
            message = f"recording: {text.seconds:.0f} s{language}"
            yield SubtitleState(message, _live_rows(recording.file.name, text.language, text.segments))


def _loaded(request: SubtitleRequest, models: LoadedModels) -> Whisper:
    if not request.model:
        raise OvwError("no model is installed", "convert one in the second tab")
    return models.get(request.model)


def _live_rows(media: str, language: str, segments: Sequence[Segment]) -> list[Row]:
    """Cues of what is decoded so far; the end of the media is not known yet."""
    end = segments[-1].end if segments else 0.0
    return cue_rows(Document(media, end, language, None, list(segments)))


def write_files(document: Document, media: Path, formats: Sequence[str], folder: Path) -> list[Path]:
    """The files that are offered for download, as the command line writes them.

    Args:
        document: transcribed, maybe edited.
        media: that it is of.
        formats: names of subtitle formats, and `video` for a copy with the track inside.
        folder: for the files.

    Raises:
        OvwError: a video is asked for of something that cannot hold subtitles.
    """
    targets = {form: folder / f"{media.stem}.{form}" for form in formats if form in FORMATS}
    check_copy(media, formats)
    copy = folder / copy_name(media) if VIDEO_COPY in formats else None
    return list(write_outputs(document, targets, PLAIN, video=media, copy=copy, write=write_whole))


def check_copy(media: Path, formats: Sequence[str]) -> None:
    """Refuse a copy with subtitles of a file that cannot hold them.

    Raises:
        OvwError: it is asked for, and cannot.
    """
    if VIDEO_COPY in formats:
        track_of(media)


def track_file(document: Document, folder: Path) -> Path:
    """The subtitles that the player shows, as WebVTT."""
    target = folder / "captions.vtt"
    list(write_outputs(document, {"vtt": target}, PLAIN, write=write_whole))
    return target
