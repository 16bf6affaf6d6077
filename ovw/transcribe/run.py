"""What every way through a recording has in hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ovw.runtime.protocols import Audio
from ovw.transcribe.decoding.numeric import logsumexp
from ovw.transcribe.decoding.task import DecodingResult, DecodingTask
from ovw.transcribe.engine import Engine
from ovw.transcribe.fallback import decode_with_fallback
from ovw.transcribe.language import detect_languages
from ovw.transcribe.options import TranscribeOptions
from ovw.transcribe.prompt import Prompt, PromptBuilder
from ovw.transcribe.recording import Window


class Run:
    """Recordings on their way through a model.

    Args:
        engine: the model.
        options: what was asked for.
    """

    def __init__(self, engine: Engine, options: TranscribeOptions) -> None:
        self._engine = engine
        self._options = options
        total = engine.total if options.batch_size > 1 else logsumexp  # of a few rows NumPy is done as soon
        self._task = DecodingTask(engine.decoder, engine.tokenizer, options, engine.dims.n_text_ctx, total, engine.lock)
        self._prompts = PromptBuilder(engine.tokenizer, options, engine.dims.n_text_ctx)

    def _hear(self, windows: Sequence[Window]) -> list[Audio]:
        """Encode windows; merged positions would blur the times of words."""
        whole, merge = self._options.audio_context == "full", not self._options.word_timestamps
        return self._engine.hear(windows, whole=whole, merge=merge)

    def _spoken(self, windows: Sequence[Window], audio: Sequence[Audio]) -> list[str | None]:
        """The language of each window: its recording's, or with `multilingual` what is heard in it."""
        if not self._options.multilingual or windows[0].language is None:
            return [window.language for window in windows]
        with self._engine.lock:
            detections = detect_languages(self._engine.decoder, audio, self._engine.tokenizer)
        return [detection.language for detection in detections]

    def _decode(self, windows: Sequence[Window], audio: list[Audio], prompts: Sequence[Prompt]) -> list[DecodingResult]:
        """Decode encoded windows together; those heard again in full take their place in `audio`."""
        rng = np.random.default_rng([self._options.seed, windows[0].span.start])

        def decode(chosen: Sequence[int], temperature: float) -> list[DecodingResult]:
            return self._task.run([audio[i] for i in chosen], [prompts[i] for i in chosen], temperature, rng)

        def hear_in_full(doubtful: Sequence[int]) -> list[int]:
            short = [i for i in doubtful if not self._engine.is_whole(audio[i])]
            for i in short:
                (audio[i],) = self._engine.hear([windows[i]], whole=True)
            return short

        return decode_with_fallback(decode, len(windows), self._options, hear_in_full)
