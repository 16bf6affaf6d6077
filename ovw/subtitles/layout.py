"""The one cue layout that all formats share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, pairwise

from ovw.errors import UsageError
from ovw.subtitles.cues import Cue
from ovw.subtitles.document import Document
from ovw.subtitles.options import PLAIN, WITHOUT_TIMES, LayoutOptions
from ovw.subtitles.spans import last_tick, on_tick, spans_of
from ovw.subtitles.split import cues_of
from ovw.subtitles.timing import time_cues


def lay_out(document: Document, options: LayoutOptions = PLAIN, tick_ms: int = 1) -> list[Cue]:
    """Cues in order, none overlapping, none past the end of the media, with all the words.

    Args:
        document: a transcription.
        options: how cues should be.
        tick_ms: the finest time that the format can write.

    Raises:
        UsageError: words are to be highlighted and their times are not known.
    """
    if options.highlight_words and any(s.words is None and s.text.strip() for s in document.segments):
        raise UsageError(WITHOUT_TIMES, "add --word-timestamps")
    last_ms = last_tick(document.duration, tick_ms)
    spans = spans_of(document.segments, last_ms, tick_ms)
    cues = list(chain.from_iterable(cues_of(span, options, tick_ms) for span in spans))
    return time_cues(cues, last_ms, options, tick_ms)


def lay_out_words(document: Document, options: LayoutOptions) -> list[Cue]:
    """Cues for formats that mark the spoken word: with `highlight_words`, every cue becomes one for each word."""
    cues = lay_out(document, options)
    return [shown for cue in cues for shown in _word_by_word(cue)] if options.highlight_words else cues


def word_starts(cue: Cue, tick_ms: int = 1) -> list[int]:
    """When the marking of each word starts; that of the first with the cue."""
    later = (min(max(on_tick(atom.start_ms, tick_ms), cue.start_ms), cue.end_ms) for atom in cue.atoms[1:])
    return [cue.start_ms, *later]


def _word_by_word(cue: Cue) -> Iterator[Cue]:
    """A word is marked until the next one starts; words that take no time are not."""
    edges = [*word_starts(cue), cue.end_ms]
    for atom, (start, end) in zip(cue.atoms, pairwise(edges), strict=True):
        if start < end:
            yield replace(cue, start_ms=start, end_ms=end, marked=atom)
