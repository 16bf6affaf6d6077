"""Everything that can be asked of the runner."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from ovw.config import Config


class TranscribeOptions(Config):
    """Decoding options; names and meanings are openai/whisper's."""

    task: Literal["transcribe", "translate"] = "transcribe"
    """`transcribe` in the spoken language, or `translate` into English."""
    language: str | None = None
    """Language code or name; detected from the first 30 seconds if not given."""
    beam_size: int = Field(default=5, ge=1, le=64)
    """Beams at temperature 0; 1 is greedy decoding."""
    patience: float = Field(default=1.0, gt=0)
    """Beam search goes on until `beam_size * patience` hypotheses have ended."""
    best_of: int = Field(default=5, ge=1, le=64)
    """Samples drawn above temperature 0."""
    length_penalty: float | None = Field(default=None, ge=0, le=1)
    """Alpha of Google NMT's length penalty when ranking hypotheses; plain mean log probability if not given."""
    temperature: tuple[float, ...] = Field(default=(0.0, 0.2, 0.4, 0.6, 0.8, 1.0), min_length=1)
    """Tried in turn until a window passes the thresholds."""
    compression_ratio_threshold: float | None = 2.4
    """A window whose text compresses better than this is decoded again: it repeats itself."""
    logprob_threshold: float | None = -1.0
    """A window with a lower mean log probability is decoded again."""
    no_speech_threshold: float | None = Field(default=0.6, ge=0, le=1)
    """A window with a higher no-speech probability and a low log probability is silence."""
    condition_on_previous_text: bool = True
    """Give each window the text before it as a prompt."""
    initial_prompt: str | None = None
    """Text that stands before the first window: names, spelling, style."""
    suppress_tokens: tuple[int, ...] = (-1,)
    """Token ids never to be sampled; -1 stands for the model's own list of non-speech symbols."""
    suppress_blank: bool = True
    """Forbid an empty start."""
    without_timestamps: bool = False
    """Decode text only; every window is one segment."""
    max_initial_timestamp: float | None = Field(default=1.0, ge=0)
    """The first timestamp of a window may not be later than this, in seconds."""
    max_new_tokens: int | None = Field(default=None, ge=1)
    """Tokens to sample in a window; half of the text context if not given."""
    pad: Literal["mel", "audio"] = "mel"
    """What fills the last window: zeros in the mel (openai's `transcribe`) or silence in the samples (GenAI)."""
    seed: int = Field(default=0, ge=0)
    """Of the sampling above temperature 0."""

    @model_validator(mode="after")
    def _check(self) -> TranscribeOptions:
        if any(not 0 <= t <= 2 for t in self.temperature):
            raise ValueError(f"temperature {list(self.temperature)}: allowed are values from 0 to 2")
        return self
