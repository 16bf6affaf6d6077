"""Which stretch of audio each token comes from (openai/whisper, `timing.py`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ovw.audio.mel import FRAMES_PER_SECOND
from ovw.models import FRAMES_PER_POSITION
from ovw.runtime import aligner
from ovw.runtime.protocols import Audio
from ovw.transcribe.decoding.numeric import softmax
from ovw.transcribe.model_sessions import ModelSessions
from ovw.transcribe.recording import Window
from ovw.transcribe.words.dtw import warp
from ovw.transcribe.words.split import split_words

POSITIONS_PER_SECOND = FRAMES_PER_SECOND // FRAMES_PER_POSITION
MEDIAN_WIDTH = 7


@dataclass
class WordTiming:
    """A word while its time is being settled: seconds from the start of the window."""

    word: str
    tokens: list[int]
    start: float
    end: float
    probability: float

    @property
    def length(self) -> float:
        return self.end - self.start


def align(
    sessions: ModelSessions, window: Window, audio: Audio, control: Sequence[int], text: list[int]
) -> list[WordTiming]:
    """Times and probabilities of the words of a window.

    Args:
        sessions: the model.
        window: its language decides what a word is.
        audio: the encoded window.
        control: from start-of-transcript to the task.
        text: the text tokens of the window.
    """
    tokenizer = sessions.tokenizer
    words = split_words(tokenizer, [*text, tokenizer.eot], window.language)
    if len(words) <= 1:
        return []
    before = [*control, tokenizer.no_timestamps]
    logits, scores = aligner.align(sessions.aligner, audio, [*before, *text, tokenizer.eot])
    probabilities = softmax(logits[len(before) - 1 : -2, : tokenizer.eot])[np.arange(len(text)), text]
    n_positions = max(1, window.size // FRAMES_PER_POSITION)
    matrix = _sharpened(scores[:, :, :n_positions])[len(before) - 1 : -1]
    tokens, positions = warp(-matrix.astype(np.float64))
    begins = positions[np.diff(tokens, prepend=-1) > 0] / POSITIONS_PER_SECOND
    bounds = np.cumsum([0, *(len(w.tokens) for w in words[:-1])])
    return [
        WordTiming(word.text, word.tokens, float(begins[a]), float(begins[b]), float(probabilities[a:b].mean()))
        for word, a, b in zip(words, bounds[:-1], bounds[1:], strict=False)
    ]


def _sharpened(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Attention over the audio, normalised over the tokens, smoothed, and averaged over heads: [n, positions]."""
    weights = softmax(scores)
    weights -= weights.mean(axis=1, keepdims=True)
    weights /= np.maximum(weights.std(axis=1, keepdims=True), np.finfo(np.float32).tiny)
    mean: NDArray[np.float32] = _median_filter(weights, MEDIAN_WIDTH).mean(axis=0)
    return mean


def _median_filter(x: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    """Running median over the last axis, mirrored at its ends."""
    half = width // 2
    if x.shape[-1] <= half:
        return x
    padded = np.pad(x, [(0, 0)] * (x.ndim - 1) + [(half, half)], mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, width, axis=-1)
    return np.partition(windows, half, axis=-1)[..., half]
