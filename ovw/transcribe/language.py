"""Which language is spoken."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ovw.runtime.sessions import Decoder
from ovw.transcribe.decoding.numeric import softmax
from ovw.transcribe.result import Detection
from ovw.transcribe.tokenizer import Tokenizer


def detect_language(decoder: Decoder, hidden: NDArray[np.float32], tokenizer: Tokenizer) -> Detection:
    """The language of one window, read off the token that would follow start-of-transcript.

    Args:
        decoder: of a multilingual model.
        hidden: hidden states, [1, S, state].
        tokenizer: of the same model.
    """
    decoder.start(hidden)
    logits = decoder.step(np.array([[tokenizer.sot]]), np.zeros(1, np.int32))[0, 0]
    codes = list(tokenizer.language_tokens)
    chances = softmax(logits[list(tokenizer.language_tokens.values())])
    best = int(chances.argmax())
    return Detection(codes[best], float(chances[best]), dict(zip(codes, chances.tolist(), strict=True)))
