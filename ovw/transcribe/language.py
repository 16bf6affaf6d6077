"""Language detection."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from ovw.runtime.protocols import Audio, Decoder
from ovw.transcribe.decoding.numeric import softmax
from ovw.transcribe.decoding.task import batches_for
from ovw.transcribe.model_sessions import ModelSessions
from ovw.transcribe.options import TranscribeOptions
from ovw.transcribe.recording import Recording
from ovw.transcribe.result import Detection
from ovw.transcribe.tokenizer import Tokenizer

CERTAIN = 0.97
"""Probability from which on a window in a shortened context decides: in full context it is the same within 0.02 (base,
65 of 320 clips of 1 to 35 s, in bf16). From 0.9 on it may be off by 0.09, below by 0.3: it is encoded in full."""
CERTAIN_MERGED = 0.95
"""As `CERTAIN`, of a window of `SHORTEST_IN_SILENCE` or more as it is decoded: with merged tokens the probability is
within 0.04 of full context (base, 372 clips of 3 to 35 s in nine languages), from 0.9 on within 0.07."""


def detect_languages(decoder: Decoder, audio: Sequence[Audio], tokenizer: Tokenizer) -> list[Detection]:
    """The language of each window, read off the token that would follow start-of-transcript.

    Args:
        decoder: of a multilingual model.
        audio: the encoded windows.
        tokenizer: of the same model.
    """
    batches = batches_for(decoder, 1, len(audio))
    return [one for own in batches for one in _detect_together(decoder, audio[own], tokenizer)]


def _detect_together(decoder: Decoder, audio: Sequence[Audio], tokenizer: Tokenizer) -> list[Detection]:
    decoder.start(audio)
    windows = len(audio)
    logits = decoder.step(np.full((windows, 1), tokenizer.sot), np.arange(windows, dtype=np.int32))[:, 0]
    decoder.release()
    codes = list(tokenizer.language_tokens)
    probabilities = softmax(logits[:, list(tokenizer.language_tokens.values())])
    return [
        Detection(codes[int(row.argmax())], float(row.max()), dict(zip(codes, row.tolist(), strict=True)))
        for row in probabilities
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


def identify(sessions: ModelSessions, recording: Recording, options: TranscribeOptions) -> Detection:
    """Detect the language from the first windows that hold speech; without any, from what is still held."""
    asked = options.clips()[0].start
    recording.skip(0, asked)
    found = recording.next_speech(asked)
    start = max(asked, recording.held_from) if found is None else found
    full_context = options.audio_context == "full"

    def detections() -> Iterator[Detection]:
        for i in range(options.language_detection_segments):
            at = start + i * sessions.dims.n_frames
            if i == 0 or recording.frames_before(at + 1) > at:
                yield _detect_at(sessions, recording, at, full_context=full_context)

    return vote(detections(), options.language_detection_threshold)


def _detect_at(sessions: ModelSessions, recording: Recording, at: int, *, full_context: bool) -> Detection:
    """Detect the language of one window, in full context where a shortened one leaves doubt."""
    audio = sessions.encode_opening(recording, at, full_context=full_context)
    with sessions.lock:
        (detection,) = detect_languages(sessions.decoder, [audio], sessions.tokenizer)
    if detection.probability >= CERTAIN or sessions.is_full_context(audio):
        return detection
    return _detect_at(sessions, recording, at, full_context=True)
