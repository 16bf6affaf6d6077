"""Encoding and decoding of windows, shared by sequential and batched transcription."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ovw.audio.mel import FRAMES_PER_SECOND
from ovw.runtime.protocols import Audio
from ovw.transcribe.decoding.numeric import logsumexp
from ovw.transcribe.decoding.task import DecodingResult, DecodingTask
from ovw.transcribe.fallback import decode_with_fallback
from ovw.transcribe.language import CERTAIN_MERGED, detect_languages, identify
from ovw.transcribe.model_sessions import ModelSessions
from ovw.transcribe.options import AUTO, TranscribeOptions
from ovw.transcribe.prompt import Prompt, PromptBuilder
from ovw.transcribe.recording import SHORTEST_IN_SILENCE, Window
from ovw.transcribe.result import Detection
from ovw.transcribe.words.timer import WordTimer

FULL_CONTEXT_BELOW = SHORTEST_IN_SILENCE
"""Frames of a window below which it is encoded in full context, where a word or two are much of the text. It has the
padding of the full context too, so its text is the same."""
SECOND_TRY_BELOW = 5 * FRAMES_PER_SECOND
"""Frames of a window below which an unsure text is decoded again in full context, with its padding."""


class WindowDecoder:
    """Encodes and decodes windows with one model and one set of options.

    Args:
        sessions: the model.
        options: what was asked for.
    """

    def __init__(self, sessions: ModelSessions, options: TranscribeOptions) -> None:
        self._sessions = sessions
        self._options = options
        row_logsumexp = (
            sessions.row_logsumexp if options.batch_size > 1 else logsumexp
        )  # of a few rows NumPy is done as soon
        self._task = DecodingTask(
            sessions.decoder, sessions.tokenizer, options, sessions.dims.n_text_ctx, row_logsumexp, sessions.lock
        )
        self._words = WordTimer(sessions, options)
        self._prompts = PromptBuilder(sessions.tokenizer, options, sessions.dims.n_text_ctx)

    def _encode(self, windows: Sequence[Window]) -> list[Audio]:
        """Encode windows that are all in full context or none; merged positions would blur the times of words."""
        merge = not self._options.word_timestamps
        return self._sessions.encode(windows, full_context=self._in_full(windows[0]), merge=merge)

    def _in_full(self, window: Window) -> bool:
        """Whether a window is to be encoded in full context at once."""
        return self._options.audio_context == "full" or window.size < FULL_CONTEXT_BELOW

    def _was_in_full(self, window: Window, audio: Audio) -> bool:
        """Whether a window was encoded as in `--audio-context full`, its padding too."""
        padded_so = self._options.padding != "auto" or window.size >= self._sessions.dims.n_frames
        return self._in_full(window) or (padded_so and self._sessions.is_full_context(audio))

    def _detections(self, windows: Sequence[Window], audio: Sequence[Audio]) -> list[Detection | None]:
        """The language detected in each window, with `multilingual` and where its recording's is not known yet."""
        every = self._options.multilingual and windows[0].language is not None
        asked = [i for i, window in enumerate(windows) if every or window.language == AUTO]
        found: list[Detection | None] = [None] * len(windows)
        for i, detection in zip(asked, self._detect([audio[i] for i in asked]), strict=True):
            found[i] = self._certain(detection, windows[i], audio[i])
        return found

    def _languages(self, windows: Sequence[Window], detections: Sequence[Detection | None]) -> list[str | None]:
        """The language of each window: the detected one, else its recording's."""
        return [found.language if found else one.language for found, one in zip(detections, windows, strict=True)]

    def _certain(self, detection: Detection, window: Window, audio: Audio) -> Detection:
        """The detection, made again where the shortened context leaves doubt."""
        if detection.probability >= CERTAIN_MERGED or self._sessions.is_full_context(audio):
            return detection
        if window.language == AUTO:
            return identify(self._sessions, window.recording, self._options)
        return self._detect(self._sessions.encode([window], full_context=True))[0]

    def _detect(self, audio: Sequence[Audio]) -> list[Detection]:
        if not audio:
            return []
        with self._sessions.lock:
            return detect_languages(self._sessions.decoder, audio, self._sessions.tokenizer)

    def _decode(self, windows: Sequence[Window], audio: list[Audio], prompts: Sequence[Prompt]) -> list[DecodingResult]:
        """Decode encoded windows together; those re-encoded in full replace their entry in `audio`."""
        rng = np.random.default_rng([self._options.seed, windows[0].span.start])

        def decode(chosen: Sequence[int], temperature: float) -> list[DecodingResult]:
            return self._task.run([audio[i] for i in chosen], [prompts[i] for i in chosen], temperature, rng)

        def encode_full(chosen: Sequence[int]) -> list[int]:
            anew = [i for i in chosen if not self._was_in_full(windows[i], audio[i])]
            for i in anew:
                (audio[i],) = self._sessions.encode([windows[i]], full_context=True, zeros=True)
            return anew

        short = {i for i, window in enumerate(windows) if window.size < SECOND_TRY_BELOW}
        return decode_with_fallback(decode, len(windows), self._options, encode_full, short)
