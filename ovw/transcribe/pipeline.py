"""The runner: a recording in, segments out."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from ovw.audio.mel import FRAMES_PER_SECOND
from ovw.transcribe.batched import BatchedDecoder
from ovw.transcribe.language import CERTAIN, detect_languages, vote
from ovw.transcribe.model_sessions import ModelSessions
from ovw.transcribe.options import TranscribeOptions
from ovw.transcribe.recording import Recording
from ovw.transcribe.result import Detection, Segment
from ovw.transcribe.sequential import SequentialDecoder
from ovw.voice_activity.spans import FrameSpan

Progress = Callable[[int, int], None]


def transcribe(
    sessions: ModelSessions,
    recording: Recording,
    language: str | None,
    options: TranscribeOptions,
    on_progress: Progress,
) -> Iterator[Segment]:
    """Transcribe a recording, yielding segments as they are ready.

    Args:
        sessions: of the model.
        recording: what to transcribe.
        language: code; `None` for an English-only model.
        options: what was asked for.
        on_progress: called with the frames done and the frames expected in all.
    """
    clips = clips_of(options)
    if options.batch_size > 1:
        parts = BatchedDecoder(sessions, options).one(recording, language, clips)
    else:
        parts = SequentialDecoder(sessions, recording, language, options).run(clips)
    number = 0
    for segments, done in parts:
        for segment in segments:
            yield replace(segment, id=number)
            number += 1
        on_progress(done, max(done, recording.expected_frames))


def transcribe_many(
    sessions: ModelSessions, recordings: Sequence[tuple[Recording, str | None]], options: TranscribeOptions
) -> list[list[Segment]]:
    """Transcribe recordings together, each with its language code, windows of all of them beside each other."""
    found = BatchedDecoder(sessions, options).many(recordings, clips_of(options))
    return [[replace(segment, id=number) for number, segment in enumerate(segments)] for segments in found]


def identify(sessions: ModelSessions, recording: Recording, options: TranscribeOptions) -> Detection:
    """Detect the language from the first windows that hold speech."""
    start = recording.resume(clips_of(options)[0].start) or 0
    full_context = options.audio_context == "full"

    def detections() -> Iterator[Detection]:
        for i in range(options.language_detection_segments):
            at = start + i * sessions.dims.n_frames
            if i == 0 or recording.frames_before(at + 1) > at:
                yield _detect_at(sessions, recording, at, full_context=full_context)

    return vote(detections(), options.language_detection_threshold)


def _detect_at(sessions: ModelSessions, recording: Recording, at: int, *, full_context: bool) -> Detection:
    """Detect the language of one window, in full context where a shortened one leaves doubt."""
    audio = sessions.encode_opening(recording, at, full_context=full_context)
    with sessions.lock:
        (detection,) = detect_languages(sessions.decoder, [audio], sessions.tokenizer)
    if detection.probability >= CERTAIN or sessions.is_full_context(audio):
        return detection
    return _detect_at(sessions, recording, at, full_context=True)


def clips_of(options: TranscribeOptions) -> list[FrameSpan]:
    """The asked stretches; everything when none was asked for, and to the end where no end was given."""
    times = [round(t * FRAMES_PER_SECOND) for t in options.clip_timestamps] or [0]
    ends = [*times[1::2], sys.maxsize] if len(times) % 2 else times[1::2]
    return [FrameSpan(start, end) for start, end in zip(times[::2], ends, strict=True)]
