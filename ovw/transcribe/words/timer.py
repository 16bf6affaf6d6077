"""Give the segments of a window their words."""

from __future__ import annotations

from collections.abc import Sequence

from ovw.audio.mel import FRAMES_PER_SECOND
from ovw.runtime.protocols import Audio
from ovw.transcribe.model_sessions import ModelSessions
from ovw.transcribe.options import TranscribeOptions
from ovw.transcribe.prompt import control_tokens
from ovw.transcribe.result import Segment
from ovw.transcribe.words.alignment import align
from ovw.transcribe.words.fit import fit_words


def time_words(
    sessions: ModelSessions,
    options: TranscribeOptions,
    segments: Sequence[Segment],
    audio: Audio,
    language: str | None,
    size: int,
    last_speech: float,
) -> list[Segment]:
    """Segments with words, and with the times that words give them.

    Args:
        sessions: the model.
        options: which marks belong to which word, and the task.
        segments: of one window, in order.
        audio: the encoded window.
        language: code; `None` for an English-only model.
        size: mel frames of the window that hold audio.
        last_speech: seconds at which the last word before the window ended.
    """
    if not segments:
        return []
    tokenizer = sessions.tokenizer
    text = [token for segment in segments for token in segment.tokens if token < tokenizer.eot]
    control = control_tokens(tokenizer, language, options.task)
    with sessions.lock:
        timings = align(sessions.aligner, tokenizer, audio, control, text, size, language)
    marks = (options.prepend_punctuations, options.append_punctuations)
    return fit_words(segments, timings, tokenizer.eot, segments[0].seek / FRAMES_PER_SECOND, last_speech, marks)


def last_word_end(segments: Sequence[Segment], default: float) -> float:
    """When the last word ended, or the last segment if none has words; `default` without segments."""
    ends = (segment.words[-1].end for segment in reversed(segments) if segment.words)
    return next(ends, segments[-1].end if segments else default)
