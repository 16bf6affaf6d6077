"""Decode a window again at a higher temperature when the result looks wrong."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ovw.transcribe.decoding.task import DecodingResult
    from ovw.transcribe.options import TranscribeOptions

TEMPERATURES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
COMPRESSION_RATIO = 2.4
LOGPROB = -1.0
NO_SPEECH = 0.6
"""Defaults of the temperatures and thresholds, as openai/whisper has them."""
UNSURE_LOGPROB = -0.45
"""Mean log probability below which the text of a short window is doubtful too."""


def decode_with_fallback(
    decode: Callable[[Sequence[int], float], list[DecodingResult]],
    windows: int,
    options: TranscribeOptions,
    encode_full: Callable[[Sequence[int]], list[int]] = lambda chosen: [],
    short: Collection[int] = (),
) -> list[DecodingResult]:
    """Try the temperatures in turn on the windows that have not passed; the last result stands if none passes.

    Args:
        decode: decodes some of the windows, by number, at a temperature.
        windows: how many there are.
        options: temperatures and thresholds.
        encode_full: encodes those of the windows as in `--audio-context full` that were not, and returns their numbers;
            they are decoded at the first temperature again.
        short: windows that hold so little speech that an unsure text is doubtful too.
    """
    first, *higher = options.temperature
    results = decode(range(windows), first)

    def again(chosen: Sequence[int], temperature: float) -> None:
        if chosen:
            for i, result in zip(chosen, decode(chosen, temperature), strict=True):
                results[i] = result

    def is_in_doubt(i: int) -> bool:
        return is_doubtful(results[i], options) or (i in short and results[i].avg_logprob < UNSURE_LOGPROB)

    again(encode_full(list(filter(is_in_doubt, range(windows)))), first)
    for temperature in higher:
        again([i for i, result in enumerate(results) if needs_fallback(result, options)], temperature)
    return results


def is_doubtful(result: DecodingResult, options: TranscribeOptions) -> bool:
    """Empty, or would not pass: not to be trusted for a window that was not encoded in full context."""
    return needs_fallback(result, options) or is_skippable(result, options) or not result.compression_ratio


def needs_fallback(result: DecodingResult, options: TranscribeOptions) -> bool:
    """Too repetitive or too unlikely, unless it is plain silence."""
    return not is_silence(result, options) and (is_repetitive(result, options) or is_unlikely(result, options))


def is_silence(result: DecodingResult, options: TranscribeOptions) -> bool:
    """No-speech probability is high and the text, if any, is a poor guess."""
    threshold = options.no_speech_threshold
    return threshold is not None and result.no_speech_prob > threshold and is_unlikely(result, options)


def is_skippable(result: DecodingResult, options: TranscribeOptions) -> bool:
    """No speech: high no-speech probability that a good text does not contradict."""
    threshold, floor = options.no_speech_threshold, options.logprob_threshold
    if threshold is None or result.no_speech_prob <= threshold:
        return False
    return floor is None or result.avg_logprob <= floor


def is_repetitive(result: DecodingResult, options: TranscribeOptions) -> bool:
    """The text compresses too well."""
    limit = options.compression_ratio_threshold
    return limit is not None and result.compression_ratio > limit


def is_unlikely(result: DecodingResult, options: TranscribeOptions) -> bool:
    """The mean log probability is too low."""
    floor = options.logprob_threshold
    return floor is not None and result.avg_logprob < floor
