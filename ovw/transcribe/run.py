"""What every way through a recording has in hand."""

from __future__ import annotations

import numpy as np

from ovw.transcribe.decoding.task import DecodingTask
from ovw.transcribe.engine import Engine
from ovw.transcribe.options import TranscribeOptions
from ovw.transcribe.prompt import PromptBuilder
from ovw.transcribe.recording import Recording


class Run:
    """One recording on its way through a model.

    Args:
        engine: the model.
        recording: what to transcribe.
        language: code; `None` for an English-only model.
        options: what was asked for.
    """

    def __init__(self, engine: Engine, recording: Recording, language: str | None, options: TranscribeOptions) -> None:
        self._engine = engine
        self._recording = recording
        self._language = language
        self._options = options
        self._task = DecodingTask(engine.decoder, engine.tokenizer, options, engine.dims.n_text_ctx)
        self._prompts = PromptBuilder(engine.tokenizer, options, engine.dims.n_text_ctx)
        self._rng = np.random.default_rng(options.seed)
