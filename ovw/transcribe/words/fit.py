"""Fit aligned words into the segments of a window (openai/whisper, `timing.py:add_word_timestamps`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from ovw.transcribe.result import Segment, Word
from ovw.transcribe.words.alignment import WordTiming

SENTENCE_ENDS = ".。!！?？"
LONGEST_MEDIAN_S = 0.7
PAUSE_MEDIANS = 4
"""A word that ends this many median lengths after the last speech follows a pause."""
SLACK_S = 0.5
"""Seconds that a word may reach out of its segment before the segment's own time is preferred."""


def merge_punctuation(timings: list[WordTiming], prepended: str, appended: str) -> None:
    """Attach punctuation to the word after (`prepended`) or before it (`appended`); what is merged is left empty."""
    following = len(timings) - 1
    for i in range(len(timings) - 2, -1, -1):
        mark = timings[i]
        if mark.word.startswith(" ") and mark.word.strip() in prepended:
            timings[following].word = mark.word + timings[following].word
            timings[following].tokens = mark.tokens + timings[following].tokens
            mark.word, mark.tokens = "", []
        else:
            following = i
    previous = 0
    for i in range(1, len(timings)):
        mark = timings[i]
        if not timings[previous].word.endswith(" ") and mark.word in appended:
            timings[previous].word += mark.word
            timings[previous].tokens = timings[previous].tokens + mark.tokens
            mark.word, mark.tokens = "", []
        else:
            previous = i


def fit_words(
    segments: Sequence[Segment],
    timings: list[WordTiming],
    eot: int,
    offset: float,
    last_speech: float,
    punctuation: tuple[str, str],
) -> list[Segment]:
    """The segments with their words, and with the times that the words give them.

    Args:
        segments: of one window.
        timings: all words of the window, in order.
        eot: text tokens are below it.
        offset: seconds at which the window starts.
        last_speech: seconds at which the last word before the window ended.
        punctuation: marks that belong to the word after, and to the word before them.
    """
    median = _median_length(timings)
    _shorten_at_sentence_ends(timings, 2 * median)
    merge_punctuation(timings, *punctuation)
    rest = iter(timings)
    fitted = []
    for segment in segments:
        wanted = sum(token < eot for token in segment.tokens)
        words: list[WordTiming] = []
        while wanted > 0 and (timing := next(rest, None)) is not None:
            wanted -= len(timing.tokens)
            if timing.word:
                start, end = round(offset + timing.start, 2), round(offset + timing.end, 2)
                words.append(replace(timing, start=start, end=end))
        if words:
            _shorten_after_pause(words, last_speech, median)
            segment = _settle(segment, words, median)
            last_speech = segment.end
        fitted.append(replace(segment, words=tuple(Word(w.start, w.end, w.word, w.probability) for w in words)))
    return fitted


def _median_length(timings: Sequence[WordTiming]) -> float:
    lengths = [timing.length for timing in timings if timing.length > 0]
    return min(LONGEST_MEDIAN_S, float(np.median(lengths))) if lengths else 0.0


def _shorten_at_sentence_ends(timings: list[WordTiming], longest: float) -> None:
    """A long mark that ends a sentence, or the long word after it, holds a pause: cut it off."""
    if longest == 0:
        return
    for previous, timing in pairwise(timings):
        if timing.length > longest:
            if timing.word in SENTENCE_ENDS:
                timing.end = timing.start + longest
            elif previous.word in SENTENCE_ENDS:
                timing.start = timing.end - longest


def _shorten_after_pause(words: list[WordTiming], last_speech: float, median: float) -> None:
    """After a pause the first word, or the first two, may have swallowed silence: cut it off."""
    longest, first = 2 * median, words[0]
    if first.end - last_speech <= PAUSE_MEDIANS * median:
        return
    second = words[1] if len(words) > 1 else None
    if first.length <= longest and (second is None or second.end - first.start <= 2 * longest):
        return
    if second is not None and second.length > longest:
        first.end = second.start = max(second.end / 2, second.end - longest)
    first.start = max(0.0, first.end - longest)


def _settle(segment: Segment, words: list[WordTiming], median: float) -> Segment:
    """Words give a segment its times, unless one reaches far out of it: then the segment bounds the word."""
    first, last = words[0], words[-1]
    start, end = first.start, last.end
    if segment.start < first.end and segment.start - SLACK_S > first.start:
        start = segment.start
        first.start = max(0.0, min(first.end - median, segment.start))
    if segment.end > last.start and segment.end + SLACK_S < last.end:
        end = segment.end
        last.end = max(last.start + median, segment.end)
    return replace(segment, start=start, end=end)
