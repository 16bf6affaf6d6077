"""The parts of a window of a batch that are decoded again: what its text leaves out."""

from __future__ import annotations

from collections.abc import Sequence

from ovw.audio.mel import FRAMES_PER_SECOND
from ovw.transcribe.known_text import plain
from ovw.transcribe.recording import Window
from ovw.transcribe.segments import Piece, split_window, within
from ovw.transcribe.tokenizer import Tokenizer
from ovw.voice_activity.spans import FrameSpan

SHORTEST_REST = FRAMES_PER_SECOND
"""Frames behind a window's last timestamp that are worth a window of their own."""
UNTRANSCRIBED = 2 * FRAMES_PER_SECOND
"""Frames of speech after the text has ended that mean the decoder gave up too early."""
SHORTEST_SPLIT = 5 * FRAMES_PER_SECOND
SPARSE = 1.0
"""Text tokens a second of speech; below it, something was passed over. People speak three or four."""
SHORTEST_ECHO = 30
"""Letters of a text that counts as an echo where it repeats the text before it; people do repeat shorter phrases."""
SHORTEST_ECHO_CLOSED = 10
"""As `SHORTEST_ECHO`, where the model found no speech behind the text before it: the phrase does not come again."""


def cut_with_rests(
    window: Window, tokens: list[int], tokenizer: Tokenizer, *, timed: bool
) -> tuple[list[Piece], list[FrameSpan]]:
    """The pieces of a window, held inside it, and the parts of it to decode again.

    Args:
        window: its recording knows where speech is.
        tokens: its text, with timestamps.
        tokenizer: of the model.
        timed: whether there may be timestamps in the text.
    """
    span, recording = window.span, window.recording
    if halves := _halves(window, tokens, tokenizer):
        return [], halves
    cut = split_window(tokens, tokenizer, span.start, window.size)
    onset = recording.onset(span.start)
    pieces = [within(piece, onset, span.end) for piece in cut.pieces]
    text_end = round(pieces[-1].end * FRAMES_PER_SECOND)
    if text_end <= span.start or not timed:
        return pieces, []
    unfinished = not cut.closed and cut.advance < window.size
    if unfinished and span.end - text_end >= SHORTEST_REST:
        return pieces, [FrameSpan(text_end, span.end)]
    if recording.speech_between(text_end, span.end) >= UNTRANSCRIBED:
        return pieces, [FrameSpan(text_end, span.end)]
    if unfinished:
        used = sum(len(piece.tokens) for piece in pieces)
        pieces.append(Piece(pieces[-1].end, span.end / FRAMES_PER_SECOND, tokens[used:]))
    return pieces, []


def _halves(window: Window, tokens: Sequence[int], tokenizer: Tokenizer) -> list[FrameSpan]:
    """The parts of a window whose text is far too short for the speech in it, and which has a pause to cut at."""
    span, recording = window.span, window.recording
    speech = recording.speech_between(span.start, span.end)
    words = sum(token < tokenizer.eot for token in tokens)
    if speech < SHORTEST_SPLIT or words >= SPARSE * speech / FRAMES_PER_SECOND:
        return []
    parts = list(recording.speech_windows(span.start, span.end, window.size * 2 // 3))
    return parts if len(parts) > 1 else []


def is_echo(text: str, before: str, *, closed: bool) -> bool:
    """Whether the rest of a window only repeats how the window ended: its last timestamp came too early.

    Args:
        text: of the rest.
        before: the text of the window.
        closed: the model found no speech behind that text.
    """
    current = plain(text)
    shortest = SHORTEST_ECHO_CLOSED if closed else SHORTEST_ECHO
    return len(current) >= shortest and plain(before).endswith(current)
