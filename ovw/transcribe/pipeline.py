"""The runner: a recording in, segments out."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from ovw.audio.mel import FRAMES_PER_SECOND
from ovw.audio.speech import Span
from ovw.transcribe.batched import BatchedRun
from ovw.transcribe.engine import Engine
from ovw.transcribe.language import detect_languages, vote
from ovw.transcribe.options import TranscribeOptions
from ovw.transcribe.recording import Recording
from ovw.transcribe.result import Detection, Segment
from ovw.transcribe.sequential import SequentialRun

Progress = Callable[[int, int], None]


def transcribe(
    engine: Engine, recording: Recording, language: str | None, options: TranscribeOptions, on_progress: Progress
) -> Iterator[Segment]:
    """Transcribe a recording, yielding segments as they are ready.

    Args:
        engine: the model.
        recording: what to transcribe.
        language: code; `None` for an English-only model.
        options: what was asked for.
        on_progress: told the frames done and the frames expected in all.
    """
    clips = clips_of(options)
    if options.batch_size > 1:
        parts = BatchedRun(engine, options).one(recording, language, clips)
    else:
        parts = SequentialRun(engine, recording, language, options).run(clips)
    number = 0
    for segments, done in parts:
        for segment in segments:
            yield replace(segment, id=number)
            number += 1
        on_progress(done, max(done, recording.expected_frames))


def transcribe_many(
    engine: Engine, recordings: Sequence[tuple[Recording, str | None]], options: TranscribeOptions
) -> list[list[Segment]]:
    """Transcribe recordings together, each with its language code, windows of all of them beside each other."""
    found = BatchedRun(engine, options).many(recordings, clips_of(options))
    return [[replace(segment, id=number) for number, segment in enumerate(segments)] for segments in found]


def identify(engine: Engine, recording: Recording, options: TranscribeOptions) -> Detection:
    """Detect the language from the first windows that hold speech."""
    start = recording.resume(clips_of(options)[0].start) or 0
    whole = options.audio_context == "full"

    def detections() -> Iterator[Detection]:
        for i in range(options.language_detection_segments):
            at = start + i * engine.dims.n_frames
            if i == 0 or recording.frames_before(at + 1) > at:
                audio = engine.hear_opening(recording, at, whole=whole)
                with engine.lock:
                    found = detect_languages(engine.decoder, [audio], engine.tokenizer)
                yield from found

    return vote(detections(), options.language_detection_threshold)


def clips_of(options: TranscribeOptions) -> list[Span]:
    """The asked stretches; everything when none was asked for, and to the end where no end was given."""
    times = [round(t * FRAMES_PER_SECOND) for t in options.clip_timestamps] or [0]
    ends = [*times[1::2], sys.maxsize] if len(times) % 2 else times[1::2]
    return [Span(start, end) for start, end in zip(times[::2], ends, strict=True)]
