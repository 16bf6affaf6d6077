"""Durations of cues: long enough to be read, apart from each other, never over one another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from ovw.subtitles.cues import MS, Cue
from ovw.subtitles.options import LayoutOptions
from ovw.subtitles.text import characters

READING_CPS = 17.0
"""Characters a second that adults read, by which broadcasters go."""
VISIBLE_MS = 200
"""No gap is taken from a cue that would stay for less than this."""


def time_cues(cues: Sequence[Cue], last_ms: int, options: LayoutOptions, tick_ms: int) -> list[Cue]:
    """Cues with their ends moved.

    Args:
        cues: in order, none overlapping.
        last_ms: end of the media.
        options: durations, reading speed, gap.
        tick_ms: times are multiples of this.
    """
    gap_ms = _ticks_up(options.min_gap * MS, tick_ms)
    limits = [*((cue.start_ms, cue.start_ms - gap_ms) for cue in cues[1:]), (last_ms, last_ms)]
    return [
        replace(cue, end_ms=_end(cue, limit_ms, room_ms, options, tick_ms))
        for cue, (limit_ms, room_ms) in zip(cues, limits, strict=False)
    ]


def _end(cue: Cue, limit_ms: int, room_ms: int, options: LayoutOptions, tick_ms: int) -> int:
    """When a cue goes: before the next one starts (`limit_ms`), and best before the gap between them (`room_ms`)."""
    stay_ms = options.min_cue * MS
    if options.max_cps is not None:
        stay_ms = max(stay_ms, characters(cue.text) * MS / options.max_cps)
    end = max(cue.end_ms, cue.start_ms + _ticks_up(stay_ms, tick_ms))
    if options.max_cue is not None:
        end = min(end, cue.start_ms + _longest_stay(cue, options) // tick_ms * tick_ms)
    if end <= room_ms:
        return end
    visible = min(end, cue.end_ms, cue.start_ms + VISIBLE_MS)
    return min(limit_ms, max(room_ms, visible))


def _longest_stay(cue: Cue, options: LayoutOptions) -> int:
    """Milliseconds that a cue may stay; what could not be split may stay until it is read."""
    longest = options.max_cue or 0.0
    if len(cue.atoms) == 1:
        longest = max(longest, characters(cue.text) / max(READING_CPS, options.max_cps or 0.0))
    return int(longest * MS)


def _ticks_up(ms: float, tick_ms: int) -> int:
    return math.ceil(round(ms / tick_ms, 6)) * tick_ms
