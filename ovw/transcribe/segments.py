"""Cut the tokens of a window into timed segments and say where the next window starts."""

from __future__ import annotations

from dataclasses import dataclass

from ovw.audio.mel import FRAMES_PER_SECOND
from ovw.transcribe.tokenizer import Tokenizer

FRAMES_PER_TIMESTAMP = 2


@dataclass(frozen=True)
class Piece:
    """Tokens between two timestamps; times in seconds from the start of the media."""

    start: float
    end: float
    tokens: list[int]


def split_window(tokens: list[int], tokenizer: Tokenizer, seek: int, size: int) -> tuple[list[Piece], int]:
    """Cut a window at its timestamp pairs, as openai/whisper does.

    Args:
        tokens: what was sampled.
        tokenizer: of the model.
        seek: first mel frame of the window.
        size: mel frames of it that hold audio.

    Returns:
        The pieces, and how many frames to move on: to the last complete segment, or past the window when no speech
        follows its last timestamp.
    """
    offset = seek / FRAMES_PER_SECOND
    is_time = [tokenizer.is_timestamp(token) for token in tokens]
    cuts = [i for i in range(1, len(tokens)) if is_time[i - 1] and is_time[i]]
    ends_once = is_time[-2:] == [False, True]
    if not cuts:
        return [_whole(tokens, tokenizer, offset, size)], size
    if ends_once:
        cuts.append(len(tokens))
    slices = [tokens[a:b] for a, b in zip([0, *cuts], cuts, strict=False)]
    pieces = [Piece(offset + tokenizer.seconds(s[0]), offset + tokenizer.seconds(s[-1]), s) for s in slices]
    if ends_once:
        return pieces, size
    return pieces, (slices[-1][-1] - tokenizer.timestamp_begin) * FRAMES_PER_TIMESTAMP


def _whole(tokens: list[int], tokenizer: Tokenizer, offset: float, size: int) -> Piece:
    """The window as one piece, up to its last timestamp if it has one after the first instant."""
    times = [token for token in tokens if tokenizer.is_timestamp(token)]
    length = size / FRAMES_PER_SECOND
    if times and times[-1] != tokenizer.timestamp_begin:
        length = tokenizer.seconds(times[-1])
    return Piece(offset, offset + length, tokens)
