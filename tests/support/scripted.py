"""Open sessions of a model that gives every window the text of a script, and note what they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np

from ovw.models import find_size
from ovw.runtime.approximations import NONE
from ovw.runtime.protocols import Decoder
from ovw.transcribe.decoding.numeric import logsumexp
from ovw.transcribe.options import TranscribeOptions
from ovw.transcribe.recording import Window
from ovw.voice_activity.spans import FrameSpan, overlap

WORD, EOT, SOT, SOT_PREV, ENGLISH, TRANSCRIBE, NO_SPEECH, NO_TIMESTAMPS, BEGIN = 0, 90, 91, 92, 93, 94, 95, 99, 100
END = BEGIN + 1501
PLAIN = {"beam_size": 1, "temperature": 0.0, "suppress_tokens": (), "suppress_blank": False, "batch_size": 1}
"""Options of greedy decoding without doubt."""


def at(seconds: float) -> int:
    """The token of a time in a window."""
    return BEGIN + round(seconds / 0.02)


class ScriptedTokenizer:
    """One word, and the control tokens."""

    eot, sot, sot_prev, no_speech, no_timestamps = EOT, SOT, SOT_PREV, NO_SPEECH, NO_TIMESTAMPS
    timestamp_begin, timestamp_end, transcribe, language_tokens = BEGIN, END, TRANSCRIBE, {"en": ENGLISH}

    def encode(self, text: str) -> list[int]:
        return [WORD] * len(text.split())

    def decode(self, tokens: Sequence[int]) -> str:
        return " word" * sum(token < EOT for token in tokens)

    text_of = decode

    def is_timestamp(self, token: int) -> bool:
        return token >= BEGIN

    def seconds(self, token: int) -> float:
        return (token - BEGIN) * 0.02


class ScriptedDecoder(Decoder):
    """Every window's next token is the next one of the script."""

    def __init__(self, script: Sequence[int]) -> None:
        self._script = [*script, EOT]
        self.prompts: list[tuple[int, ...]] = []

    def start(self, audio: Sequence[object]) -> None:
        self._next = 0

    def step(self, tokens: np.ndarray, beam_idx: np.ndarray, at: Sequence[int] | None = None) -> np.ndarray:
        if self._next == 0:
            self.prompts += map(tuple, tokens.tolist())
        logits = np.full((len(tokens), len(at or tokens[0]), END), -20, np.float32)
        logits[:, -1, self._script[self._next]] = 0
        self._next += 1
        return logits


class ScriptedSessions:
    """Of `ModelSessions`, what decoding windows takes."""

    def __init__(self, script: Sequence[int]) -> None:
        self.dims, self.tokenizer, self.decoder = find_size("tiny").dims, ScriptedTokenizer(), ScriptedDecoder(script)
        self.lock, self.row_logsumexp, self.approximations = nullcontext(), logsumexp, NONE
        self.encoded: list[list[tuple[int, int]]] = []

    def encode(self, windows: Sequence[Window], **how: bool) -> list[np.ndarray]:
        self.encoded.append([(window.span.start, window.span.end) for window in windows])
        return [np.zeros(0, np.float32)] * len(windows)

    def is_full_context(self, audio: object) -> bool:
        return True


def plainly(**options: object) -> TranscribeOptions:
    """Options without fallback and without skipping."""
    return TranscribeOptions(**PLAIN | {"no_speech_threshold": None, "language": "en"} | options)


def stretch(frames: int, *speech: tuple[int, int], ended: bool = True) -> SimpleNamespace:
    """Of a recording so long, what cutting it takes: where its speech is, which is its windows too."""
    spans = [FrameSpan(*span) for span in speech]
    return SimpleNamespace(
        ended=ended,
        expected_frames=frames,
        onset=lambda frame: frame,
        speech_between=lambda start, stop: overlap(spans, start, stop),
        speech_windows=lambda start, stop, limit: (span for span in spans if start <= span.start and span.end <= stop),
        forget=lambda before: None,
        skip=lambda start, stop: None,
    )
