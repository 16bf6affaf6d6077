"""Cut the tokens of a window into timed segments and find where the next window starts."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ovw.audio.mel import FRAMES_PER_SECOND
from ovw.models import FRAMES_PER_POSITION
from ovw.transcribe.decoding.task import DecodingResult
from ovw.transcribe.result import Segment
from ovw.transcribe.tokenizer import Tokenizer


@dataclass(frozen=True)
class Piece:
    """Tokens between two timestamps; times in seconds from the start of the media."""

    start: float
    end: float
    tokens: list[int]


@dataclass(frozen=True)
class Cut:
    """A window cut at its timestamps.

    Attributes:
        pieces: between the timestamps.
        advance: frames to move on: to the last complete segment, or past the window.
        closed: whether the window ends with one timestamp: no speech follows it.
    """

    pieces: list[Piece]
    advance: int
    closed: bool


def is_closed(tokens: list[int], tokenizer: Tokenizer) -> bool:
    """Whether the tokens of a window end with one timestamp: the model found no speech behind it."""
    return [tokenizer.is_timestamp(token) for token in tokens[-2:]] == [False, True]


def split_window(tokens: list[int], tokenizer: Tokenizer, seek: int, size: int) -> Cut:
    """Cut a window at its timestamp pairs, as openai/whisper does.

    Args:
        tokens: what was sampled.
        tokenizer: of the model.
        seek: first mel frame of the window.
        size: mel frames of it that hold audio.
    """
    offset = seek / FRAMES_PER_SECOND
    is_time = [tokenizer.is_timestamp(token) for token in tokens]
    cuts = [i for i in range(1, len(tokens)) if is_time[i - 1] and is_time[i]]
    closed = is_closed(tokens, tokenizer)
    if not cuts:
        return Cut([_whole(tokens, tokenizer, offset, size)], size, closed)
    if closed:
        cuts.append(len(tokens))
    slices = [tokens[a:b] for a, b in zip([0, *cuts], cuts, strict=False)]
    pieces = [Piece(offset + tokenizer.seconds(s[0]), offset + tokenizer.seconds(s[-1]), s) for s in slices]
    if closed:
        return Cut(pieces, size, closed)
    advance = (slices[-1][-1] - tokenizer.timestamp_begin) * FRAMES_PER_POSITION
    return Cut(pieces, min(size, advance), closed)  # beyond the window there may be speech that was not in it


def within(piece: Piece, start: int, stop: int) -> Piece:
    """A piece held between two mel frames."""
    low, high = start / FRAMES_PER_SECOND, stop / FRAMES_PER_SECOND
    return replace(piece, start=min(max(piece.start, low), high), end=min(max(piece.end, low), high))


def make_segment(
    piece: Piece, result: DecodingResult, tokenizer: Tokenizer, seek: int, language: str | None
) -> Segment:
    """A piece of a window as a segment, not yet numbered."""
    return Segment(
        id=0,
        start=round(piece.start, 3),
        end=round(piece.end, 3),
        text=tokenizer.text_of(piece.tokens),
        tokens=piece.tokens,
        temperature=result.temperature,
        avg_logprob=result.avg_logprob,
        compression_ratio=result.compression_ratio,
        no_speech_prob=result.no_speech_prob,
        seek=seek,
        language=language or "en",
    )


def _whole(tokens: list[int], tokenizer: Tokenizer, offset: float, size: int) -> Piece:
    """The window as one piece, up to its last timestamp if it has one after the first instant."""
    times = [token for token in tokens if tokenizer.is_timestamp(token)]
    length = size / FRAMES_PER_SECOND
    if times and times[-1] != tokenizer.timestamp_begin:
        length = tokenizer.seconds(times[-1])
    return Piece(offset, offset + length, tokens)
