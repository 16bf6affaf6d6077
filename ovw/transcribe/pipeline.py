"""The runner: a recording in, segments out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from ovw.runtime.device import require_own_process
from ovw.transcribe.batched import BatchedDecoder
from ovw.transcribe.model_sessions import ModelSessions
from ovw.transcribe.options import TranscribeOptions
from ovw.transcribe.recording import Recording
from ovw.transcribe.result import Detection, Segment
from ovw.transcribe.sequential import SequentialDecoder

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

    Yields:
        Segments numbered from 0, in seconds from the start of the media.

    Raises:
        OvwError: it goes on in a fork of the process in which it began.
    """
    require_own_process()
    clips = options.clips()
    if options.batch_size > 1:
        parts = BatchedDecoder(sessions, options).transcribe_recording(recording, language, clips)
    else:
        parts = SequentialDecoder(sessions, recording, language, options).run(clips)
    number = 0
    for segments, done in parts:
        for segment in segments:
            yield replace(segment, id=number)
            number += 1
        on_progress(done, max(done, recording.expected_frames))
        require_own_process()


def transcribe_many(
    sessions: ModelSessions, recordings: Sequence[Recording], language: str | None, options: TranscribeOptions
) -> list[tuple[list[Segment], Detection | None]]:
    """Transcribe recordings together, windows of all of them beside each other.

    Args:
        sessions: of the model.
        recordings: what to transcribe.
        language: code of all of them; `AUTO` to detect that of each, `None` for an English-only model.
        options: what was asked for.

    Returns:
        The segments of each recording, and the detected language.
    """
    found = BatchedDecoder(sessions, options).transcribe_recordings(recordings, language)
    return [([replace(one, id=number) for number, one in enumerate(segments)], seen) for segments, seen in found]
