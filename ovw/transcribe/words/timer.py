"""Give the segments of a window their words."""

from __future__ import annotations

from collections.abc import Sequence

from ovw.audio.mel import FRAMES_PER_SECOND
from ovw.runtime.protocols import Audio
from ovw.transcribe.model_sessions import ModelSessions
from ovw.transcribe.options import TranscribeOptions
from ovw.transcribe.prompt import control_tokens
from ovw.transcribe.recording import Window
from ovw.transcribe.result import Segment
from ovw.transcribe.words.alignment import align
from ovw.transcribe.words.fit import fit_words


class WordTimer:
    """Times the words of windows with one model and one set of options.

    Args:
        sessions: the model.
        options: which punctuation belongs to which word, and the task.
    """

    def __init__(self, sessions: ModelSessions, options: TranscribeOptions) -> None:
        self._sessions = sessions
        self._task = options.task
        self._punctuation = (options.prepend_punctuations, options.append_punctuations)

    def time(self, segments: Sequence[Segment], window: Window, audio: Audio, last_speech: float) -> list[Segment]:
        """Segments with words, and with the times that words give them.

        Args:
            segments: of the window, in order.
            window: its language is known.
            audio: the encoded window.
            last_speech: seconds at which the last word before the window ended.
        """
        if not segments:
            return []
        tokenizer = self._sessions.tokenizer
        text = [token for segment in segments for token in segment.tokens if token < tokenizer.eot]
        control = control_tokens(tokenizer, window.language, self._task)
        with self._sessions.lock:
            timings = align(self._sessions, window, audio, control, text)
        offset = window.span.start / FRAMES_PER_SECOND
        return fit_words(segments, timings, tokenizer.eot, offset, last_speech, self._punctuation)


def last_word_end(segments: Sequence[Segment], default: float) -> float:
    """When the last word ended, or the last segment if none has words; `default` without segments."""
    ends = (segment.words[-1].end for segment in reversed(segments) if segment.words)
    return next(ends, segments[-1].end if segments else default)
