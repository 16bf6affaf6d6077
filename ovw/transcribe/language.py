"""Language detection."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from ovw.runtime.protocols import Audio, Decoder
from ovw.transcribe.decoding.numeric import softmax
from ovw.transcribe.result import Detection
from ovw.transcribe.tokenizer import Tokenizer

CERTAIN = 0.9
"""Probability from which on a window in a shortened context decides: in full context it is the same within 0.04 (base,
92 clips of 0.5 to 8 s). Below, it may be off by 0.3, and the window is encoded in full."""


def detect_languages(decoder: Decoder, audio: Sequence[Audio], tokenizer: Tokenizer) -> list[Detection]:
    """The language of each window, read off the token that would follow start-of-transcript.

    Args:
        decoder: of a multilingual model.
        audio: the encoded windows.
        tokenizer: of the same model.
    """
    decoder.start(audio)
    windows = len(audio)
    logits = decoder.step(np.full((windows, 1), tokenizer.sot), np.arange(windows, dtype=np.int32))[:, 0]
    decoder.release()
    codes = list(tokenizer.language_tokens)
    chances = softmax(logits[:, list(tokenizer.language_tokens.values())])
    return [
        Detection(codes[int(row.argmax())], float(row.max()), dict(zip(codes, row.tolist(), strict=True)))
        for row in chances
    ]


def vote(detections: Iterable[Detection], threshold: float) -> Detection:
    """The first detection that is sure enough; else the most frequent language, at its most probable."""
    seen: list[Detection] = []
    for detection in detections:
        if detection.probability > threshold:
            return detection
        seen.append(detection)
    counts = Counter(detection.language for detection in seen)
    return max(seen, key=lambda d: (counts[d.language], d.probability))
