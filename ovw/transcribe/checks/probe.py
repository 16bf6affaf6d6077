"""The probe: two stretches of the bundled clip, and what an artifact's own graphs make of them in f32."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ovw.artifact.arithmetic import ProbeReference, pack_array, unpack_array
from ovw.artifact.manifest import Shapes
from ovw.audio import SAMPLE_RATE
from ovw.models import Dims
from ovw.runtime.protocols import Audio, Decoder
from ovw.transcribe.checks.rows import logits_distance
from ovw.transcribe.recording import Recording, Window
from ovw.transcribe.selftest import bundled_clip, clip_sha256, feed
from ovw.voice_activity.spans import FrameSpan

STRETCHES_S = ((0.0, 3.0), (0.8, 3.8))
"""Long enough for merged padding and tokens: shorter windows run in full context."""
TOKENS = 8
VOCABULARY_STEP = 811
"""Logits of every so many token ids are kept: 64 of a multilingual vocabulary."""

HeadNorms = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Distance:
    """Distances of sessions from a probe's reference.

    Attributes:
        logits: relative L2, the largest of the stretches.
        heads: largest relative difference of a head's norm; 0 where heads are not seen.
    """

    logits: float
    heads: float


def takes_probe(shapes: Shapes, dims: Dims) -> bool:
    """Whether an artifact of these shapes takes whole windows, one at a time, and the probe's tokens."""
    low, high = shapes.frames
    whole = low <= dims.n_frames and (high < 0 or high >= dims.n_frames)
    room = shapes.cache is None or shapes.cache[1] < 0 or shapes.cache[1] >= TOKENS + 8
    return whole and shapes.batch[0] <= 1 and room


def probe_windows(dims: Dims) -> list[Window]:
    """The stretches, each a recording of its own."""
    samples, windows = bundled_clip(), []
    for stretch in STRETCHES_S:
        start, stop = (round(seconds * SAMPLE_RATE) for seconds in stretch)
        recording = Recording(iter([samples[start:stop]]), dims, "audio")
        windows.append(Window(recording, FrameSpan(0, recording.expected_frames), None))
    return windows


def probe_mels(dims: Dims) -> list[NDArray[np.float32]]:
    """The stretches in whole windows, [1, n_mels, frames] each."""
    return [window.recording.window(0, window.size) for window in probe_windows(dims)]


def make_reference(decoder: Decoder, audio: Sequence[Audio], prompt: Sequence[int], rows: int = 1) -> ProbeReference:
    """The likeliest tokens after a prompt, and the figures of `observe`, in the decoder's arithmetic.

    Args:
        decoder: the session.
        audio: the encoded stretches.
        prompt: of both.
        rows: equal rows, where the decoder takes no fewer.
    """
    sequences, logits, heads = [], [], []
    for window in audio:
        sequence = list(prompt) + _likeliest(decoder, window, prompt, rows)
        found, norms = observe(decoder, window, sequence, rows)
        sequences.append(sequence)
        logits.append(found[:, ::VOCABULARY_STEP])
        heads.append(_stacked(norms))
    return ProbeReference(
        clip_sha256=clip_sha256(),
        stretches_s=STRETCHES_S,
        tokens=sequences,
        logits=pack_array(np.array(logits)),
        head_norms=pack_array(np.array(heads)) if heads[0].size else None,
    )


def _likeliest(decoder: Decoder, audio: Audio, prompt: Sequence[int], rows: int) -> list[int]:
    decoder.start([audio] * rows)
    tokens: list[int] = []
    logits = feed(decoder, np.array([prompt] * rows))
    while True:
        tokens.append(int(logits[0, -1].argmax()))
        if len(tokens) == TOKENS:
            decoder.release()
            return tokens
        logits = decoder.step(np.array([tokens[-1:]] * rows), np.arange(rows, dtype=np.int32))


def observe(
    decoder: Decoder, audio: Audio, sequence: Sequence[int], rows: int = 1
) -> tuple[NDArray[np.float32], HeadNorms]:
    """Logits [n, n_vocab] of a sequence over a window, and the norms of the heads behind it where they are seen."""
    decoder.start([audio] * rows)
    logits = feed(decoder, np.array([sequence] * rows))[0]
    heads = decoder.head_norms()
    decoder.release()
    return logits, heads


def distance(decoder: Decoder, audio: Sequence[Audio], reference: ProbeReference, rows: int = 1) -> Distance:
    """Distance of a decoder over the encoded stretches, each in so many equal rows, from its reference in f32."""
    expected = unpack_array(reference.logits)
    expected_heads = unpack_array(reference.head_norms) if reference.head_norms else None
    logits, heads = [], [0.0]
    for at, (window, sequence) in enumerate(zip(audio, reference.tokens, strict=True)):
        found, norms = observe(decoder, window, sequence, rows)
        logits.append(logits_distance(found[:, ::VOCABULARY_STEP], expected[at]))
        if expected_heads is not None and norms:
            change = np.abs(_stacked(norms) / expected_heads[at] - 1).max()
            heads.append(float(change) if np.isfinite(change) else float("inf"))
    return Distance(max(logits), max(heads))


def _stacked(norms: HeadNorms) -> NDArray[np.float32]:
    """[states, heads] of the first row, states by name."""
    return np.array([norms[name][0] for name in sorted(norms)], np.float32)
