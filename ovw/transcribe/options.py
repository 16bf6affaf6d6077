"""Everything that can be asked of the runner."""

from __future__ import annotations

import sys
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from ovw.audio.mel import FRAMES_PER_SECOND
from ovw.choices import ContextMode, Padding, Task
from ovw.config import Config
from ovw.transcribe.fallback import COMPRESSION_RATIO, LOGPROB, NO_SPEECH, TEMPERATURES
from ovw.voice_activity.spans import HYSTERESIS, SHORTEST_PAUSE_S, FrameSpan, SpeechRules

AUTO = "auto"
"""The language that asks for detection, also of an artifact that has a default language."""
MOST_BEAMS = 64
"""Hypotheses of a window: beams, or samples."""
MOST_WINDOWS = 256
"""Decoded together."""


def _as_numbers(value: Any) -> Any:
    """A lone number where several may stand."""
    return (value,) if isinstance(value, int | float) else value


class TranscribeOptions(Config):
    """Decoding options; names and meanings are openai/whisper's, or faster-whisper's where it has more."""

    task: Task = "transcribe"
    """`transcribe` in the spoken language, or `translate` into English."""
    language: str | None = None
    """Language code, name or locale; `auto` detects it. By default the artifact's own, else detected."""
    language_detection_segments: int = Field(default=1, ge=1)
    """Windows to detect the language from; they vote unless one is sure."""
    language_detection_threshold: float = Field(default=0.5, ge=0, le=1)
    """Probability from which on one window decides the language."""
    multilingual: bool = False
    """Detect the language of every window anew."""
    beam_size: int = Field(default=5, ge=1, le=MOST_BEAMS)
    """Beams at temperature 0; 1 is greedy decoding."""
    patience: float = Field(default=1.0, gt=0)
    """Beam search goes on until `beam_size * patience` hypotheses have ended."""
    best_of: int = Field(default=5, ge=1, le=MOST_BEAMS)
    """Samples drawn above temperature 0."""
    length_penalty: float | None = Field(default=None, ge=0, le=1)
    """Alpha of Google NMT's length penalty when ranking hypotheses; plain mean log probability if not given."""
    repetition_penalty: float = Field(default=1.0, gt=0)
    """Above 1, text tokens that were sampled before become less likely (Keskar et al., 2019)."""
    no_repeat_ngram_size: int = Field(default=0, ge=0)
    """No n-gram of this many text tokens comes twice in a window; 0 allows it."""
    temperature: Annotated[tuple[float, ...], BeforeValidator(_as_numbers)] = Field(default=TEMPERATURES, min_length=1)
    """Tried in turn until a window passes the thresholds."""
    compression_ratio_threshold: float | None = COMPRESSION_RATIO
    """A window whose text compresses better than this is decoded again: it repeats itself."""
    logprob_threshold: float | None = LOGPROB
    """A window with a lower mean log probability is decoded again."""
    no_speech_threshold: float | None = Field(default=NO_SPEECH, ge=0, le=1)
    """A window with a higher no-speech probability and a low log probability is silence."""
    condition_on_previous_text: bool | None = None
    """Prompt each window with the text before it; windows are then decoded one by one. By default on where they are
    decoded one by one anyway."""
    prompt_reset_on_temperature: float = Field(default=0.5, ge=0)
    """No window is prompted with text sampled above this temperature, nor with what precedes it."""
    initial_prompt: str | None = None
    """Text that stands before the first window: names, spelling, style. Before every one of those that are decoded
    together."""
    carry_initial_prompt: bool = False
    """Put the initial prompt before every window, not only the first; in batches it always is."""
    hotwords: str | None = None
    """Words that stand before every window, to make them likelier."""
    prefix: str | None = None
    """Text that the first window begins with; it is not repeated in the result."""
    suppress_tokens: tuple[int, ...] = (-1,)
    """Token ids never to be sampled; -1 stands for the model's own list of non-speech symbols."""
    suppress_blank: bool = True
    """Forbid an empty start."""
    without_timestamps: bool = False
    """Decode text only; every window is one segment."""
    max_initial_timestamp: float | None = Field(default=1.0, ge=0)
    """The first timestamp of a window may not be later than this, in seconds; any with `None` or 0."""
    max_new_tokens: int | None = Field(default=None, ge=1)
    """Tokens to sample in a window; half of the text context if not given."""
    word_timestamps: bool = False
    """Give the time and probability of each word."""
    prepend_punctuations: str = "\"'“¿([{-"
    """Marks that belong to the word after them."""
    append_punctuations: str = "\"'.。,，!！?？:：”)]}、"
    """Marks that belong to the word before them."""
    hallucination_silence_threshold: float | None = Field(default=None, gt=0)
    """With word timestamps: skip silence longer than this, in seconds, where text over it looks made up."""
    clip_timestamps: Annotated[tuple[float, ...], BeforeValidator(_as_numbers)] = ()
    """Start, end, start, ... in seconds of what to transcribe; the last may go on to the end. All if not given."""
    vad: bool = True
    """Leave out silence: long pauses, music and noise without speech."""
    vad_threshold: float = Field(default=SpeechRules.threshold, gt=HYSTERESIS, lt=1)
    """Probability from which on sound is speech."""
    vad_min_speech: float = Field(default=SpeechRules.min_speech, ge=0)
    """Shorter sounds are no speech, in seconds."""
    vad_min_silence: float = Field(default=SpeechRules.min_silence, ge=SHORTEST_PAUSE_S)
    """Longer pauses are left out, in seconds."""
    vad_pad: float = Field(default=SpeechRules.pad, ge=0)
    """The part of such a pause that is kept before and after speech, in seconds."""
    batch_size: int = Field(default=0, ge=0, le=MOST_WINDOWS)
    """Windows decoded together; above 1 they are cut at pauses and know nothing of each other. 0 leaves the choice to
    the runner: 8, fewer where memory or the graphs take fewer, 1 for sound that arrives live and where options need
    windows in turn."""
    chunk_length: float = Field(default=20.0, ge=2, le=30)
    """Longest window that is decoded together with others, in seconds; what fits a whole window is not cut. Speech that
    has no pause for that long is cut where it is least likely; below 10 s that is often within a word."""
    pad: Padding = "auto"
    """The padding of the last window: zeros in the mel (openai's `transcribe`) or silence in the samples (GenAI,
    Hugging Face); `auto` is `mel` in full audio context, for windows below three seconds and for those that are
    re-encoded in full, else `audio`."""
    audio_context: ContextMode = "auto"
    """The part of a window that is computed: `auto` merges neighbouring positions that are alike and the padding behind
    short audio, but for windows below three seconds, and re-encodes in full what then looks wrong; `full` always
    computes all of it."""
    seed: int = Field(default=0, ge=0)
    """Of the sampling above temperature 0."""

    @model_validator(mode="after")
    def _check(self) -> TranscribeOptions:
        if any(not 0 <= t <= 2 for t in self.temperature):
            raise ValueError(f"temperature {list(self.temperature)}: allowed are values from 0 to 2")
        if self.hallucination_silence_threshold is not None and not self.word_timestamps:
            raise ValueError("hallucination_silence_threshold needs word_timestamps")
        if self.carry_initial_prompt and not self.initial_prompt:
            raise ValueError("carry_initial_prompt needs an initial_prompt")
        if self.batch_size > 1 and (why := self.in_turn()):
            raise ValueError(f"{why}; leave batch_size at 1")
        clips = self.clip_timestamps
        if any(t < 0 for t in clips) or list(clips) != sorted(clips):
            raise ValueError(f"clip_timestamps {list(clips)}: allowed are times from 0 on, in rising order")
        return self

    def speech_rules(self) -> SpeechRules | None:
        """The rules of voice activity detection; `None` without it."""
        if not self.vad:
            return None
        return SpeechRules(self.vad_threshold, self.vad_min_speech, self.vad_min_silence, self.vad_pad)

    def clips(self) -> list[FrameSpan]:
        """The asked stretches; everything where none was asked for, and to the end where no end was given."""
        times = [round(t * FRAMES_PER_SECOND) for t in self.clip_timestamps] or [0]
        ends = [*times[1::2], sys.maxsize] if len(times) % 2 else times[1::2]
        return [FrameSpan(start, end) for start, end in zip(times[::2], ends, strict=True)]

    @property
    def rows(self) -> int:
        """Rows of the decoder that a window takes at most: its beams, or its samples above temperature 0."""
        samples = self.best_of if any(self.temperature) else 1
        return max(self.beam_size, samples)

    def in_turn(self) -> str:
        """Why windows have to be decoded one after the other; empty where they need not."""
        if not self.vad:
            return "cutting at pauses, for several windows at once, needs vad"
        if self.prefix:
            return "prefix belongs to the first window"
        if self.condition_on_previous_text:
            return "condition_on_previous_text needs the text before a window"
        if self.hallucination_silence_threshold is not None:
            return "hallucination_silence_threshold needs the words before a window"
        return ""

    @property
    def padding(self) -> Padding:
        """`pad`, where `auto` still leaves a choice to each window."""
        return "mel" if self.pad == "auto" and self.audio_context == "full" else self.pad

    def approximations_left_out(self) -> list[str]:
        """Approximations that these options leave out, whatever an artifact is licensed for."""
        full = self.audio_context == "full"
        left_out = {
            "merged_padding": full,
            "token_merging": full or self.word_timestamps,
            "unsure_search": full or self.batch_size <= 1 or len(self.temperature) == 1,
        }
        return [name for name, out in left_out.items() if out]
