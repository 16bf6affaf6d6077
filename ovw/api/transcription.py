"""The transcription of one recording."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from html import escape
from pathlib import Path
from threading import RLock
from typing import Any

from ovw.config import build
from ovw.errors import OvwError, UsageError, did_you_mean
from ovw.home import user_path
from ovw.outputs import write_own
from ovw.subtitles import FORMATS
from ovw.subtitles.document import Document
from ovw.subtitles.options import WITHOUT_TIMES, LayoutOptions
from ovw.transcribe.options import TranscribeOptions
from ovw.transcribe.recording import Recording
from ovw.transcribe.result import Detection, Segment

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _ReadRecording:
    """A recording of which all was read and only its length is kept, in seconds."""

    duration: float
    ended: bool = True


@dataclass(frozen=True, eq=False)
class Transcription:
    """The transcription of a recording, decoded as it is iterated.

        result = Whisper("base").transcribe("talk.mp4")
        for segment in result:  # each as soon as it is decoded
            print(segment.start, segment.text)
        result.save("talk.srt")

    Iterating it again gives the same segments without decoding again, and ends in the same error where decoding failed.
    `text`, `segments`, `document` and `save` decode what is left first, as comparing, copying and pickling do: a copy
    holds the finished segments, without the model, and equals the original. Threads may iterate one together.

    Attributes:
        language: code of the language that was asked for or detected.
        detection: how sure the detection was; `None` when the language was given.
        options: the options in force.
        media: name of the file; empty for samples.
        model: name, precision and arithmetic of the model, and the approximations in use.
    """

    language: str
    detection: Detection | None
    options: TranscribeOptions
    media: str
    model: Mapping[str, Any] = field(repr=False)
    _recording: Recording | _ReadRecording = field(repr=False)
    _left: Iterator[Segment] = field(repr=False)
    _decoded: list[Segment] = field(repr=False, default_factory=list)
    _failures: list[OvwError] = field(init=False, repr=False, compare=False, default_factory=list)
    _turn: AbstractContextManager[bool] = field(init=False, repr=False, compare=False, default_factory=RLock)

    @property
    def duration(self) -> float:
        """Seconds of audio; exact once the last segment was decoded, until then what the file claims."""
        return self._recording.duration

    @property
    def is_read(self) -> bool:
        """Whether all of the sound was read, so that its duration is exact."""
        return self._recording.ended

    def with_segments(self, segments: Iterator[Segment]) -> Transcription:
        """A transcription of this recording with other segments."""
        return replace(self, _left=segments, _decoded=[])

    @property
    def segments(self) -> list[Segment]:
        """All segments, in time order."""
        return list(self)

    @property
    def text(self) -> str:
        """The whole text."""
        return "".join(segment.text for segment in self).strip()

    def __reduce__(self) -> tuple[Any, ...]:
        """The finished transcription, for pickle and copy; raises as iterating does."""
        segments = self.segments
        read = _ReadRecording(self.duration)
        parts = (self.language, self.detection, self.options, self.media, dict(self.model), read, iter(()), segments)
        return type(self), parts

    def __eq__(self, other: object) -> bool:
        """Whether the results are the same, once both are finished; raises as iterating does."""
        if not isinstance(other, Transcription):
            return NotImplemented
        return self is other or self._compared() == other._compared()

    def __hash__(self) -> int:
        return hash((self.language, self.media))  # known before anything is decoded

    def _compared(self) -> tuple[Any, ...]:
        segments = self.segments  # before the duration, which is exact behind the last
        return self.language, self.detection, self.options, self.media, dict(self.model), segments, self.duration

    def __iter__(self) -> Iterator[Segment]:
        at = 0
        while True:
            while at < len(self._decoded):
                yield self._decoded[at]
                at += 1
            with self._turn:  # a generator cannot be asked by two threads at once
                if at == len(self._decoded) and not self._decode_next():
                    return

    def _decode_next(self) -> bool:
        """Add a segment to the decoded ones; whether there was one left."""
        if self._failures:  # the generator has ended, which must not pass for the end of the recording
            raise self._failures[0]
        try:
            segment = next(self._left, None)
        except OvwError as error:
            self._failures.append(error)
            raise
        except BaseException as error:
            hint = "transcribe it again"
            self._failures.append(OvwError(f"decoding stopped before the end: {type(error).__name__}", hint))
            raise
        if segment is not None:
            self._decoded.append(segment)
        return segment is not None

    def document(self, name: str | None = None) -> Document:
        """All that subtitle files are rendered from.

        Args:
            name: of the media, by default the file's own.

        Raises:
            OvwError: the media breaks off in a way that cannot be passed over.
        """
        name = self.media if name is None else name
        segments = self.segments
        if not segments:
            logger.warning("%s: no speech was found", name or "samples")
        return Document(
            media=name.encode("utf-8", "replace").decode("utf-8"),  # a name may hold bytes that are no text
            duration=self.duration,
            language=self.language,
            language_probability=self.detection.probability if self.detection else None,
            segments=segments,
            model=dict(self.model),
            options=self.options.model_dump(mode="json") | {"pad": self.options.padding},
        )

    def render(self, ending: str, **layout: Any) -> str:
        """The text of a subtitle file, such as `render("srt", max_line_width=42)`.

        Args:
            ending: of the file, one of `ovw.subtitles.FORMATS`.
            **layout: fields of `ovw.subtitles.LayoutOptions`.

        Raises:
            UsageError: no such format, or layout options that contradict each other or need times of words.
        """
        if ending not in FORMATS:
            raise UsageError(f"no subtitle format '{ending}'", did_you_mean(ending, FORMATS))
        options = build(LayoutOptions, layout)  # before anything is decoded
        if options.highlight_words and not self.options.word_timestamps:
            raise UsageError(WITHOUT_TIMES, "transcribe with word_timestamps=True")
        return FORMATS[ending](self.document(), options)

    def to_dict(self) -> dict[str, Any]:
        """The contents of a JSON file, see docs/transcript.md."""
        found: dict[str, Any] = json.loads(self.render("json"))
        return found

    def to_srt(self, **layout: Any) -> str:
        """The text of an SRT file; `render` has the other formats, and raises the same."""
        return self.render("srt", **layout)

    def save(self, path: str | Path, **layout: Any) -> Path:
        """Write a subtitle file, whole or not at all, such as `save("talk.srt", max_line_width=42)`.

        Args:
            path: of the file, which is replaced if it is there; its ending names the format.
            **layout: fields of `ovw.subtitles.LayoutOptions`.

        Returns:
            The path.

        Raises:
            UsageError: as `render`.
            OvwError: it cannot be written.
        """
        target = user_path(path)
        rendered = self.render(target.suffix.lower().removeprefix("."), **layout)
        write_own(target, rendered)
        return target

    def _repr_html_(self) -> str:
        """A table of times and texts, for notebooks."""
        rows = "".join(
            f"<tr><td>{segment.start:.2f}</td><td>{segment.end:.2f}</td><td>{escape(segment.text.strip())}</td></tr>"
            for segment in self
        )
        return f"<table><tr><th>start</th><th>end</th><th>{escape(self.media)}</th></tr>{rows}</table>"
