"""The times of words of a text that is known already."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from math import log

from ovw.audio.mel import FRAMES_PER_SECOND
from ovw.errors import UsageError
from ovw.transcribe.known_text import TextPart, plain
from ovw.transcribe.model_sessions import ModelSessions
from ovw.transcribe.options import TranscribeOptions
from ovw.transcribe.pipeline import Progress
from ovw.transcribe.recording import Recording, Window
from ovw.transcribe.result import Segment, compression_ratio
from ovw.transcribe.words.timer import WordTimer, last_word_end
from ovw.voice_activity.spans import FrameSpan

CONTROL = 8
"""Tokens of the context that are not text, at most."""
LEAST_PROBABILITY = 1e-10


def align_parts(
    sessions: ModelSessions,
    recording: Recording,
    parts: Sequence[TextPart],
    language: str | None,
    options: TranscribeOptions,
    on_progress: Progress,
) -> Iterator[Segment]:
    """Align parts of a known text, each in a window of its own, encoded in full.

    Args:
        sessions: the model.
        recording: read up to nowhere yet.
        parts: of the text, in order.
        language: code; `None` for an English-only model.
        options: which punctuation belongs to which word, and the task.
        on_progress: called with the mel frames done and the frames in all.

    Yields:
        A segment for each passage, with its words.

    Raises:
        UsageError: a part has more text than the decoder takes.
    """
    timer = WordTimer(sessions, options)
    pending: Segment | None = None
    last_speech = 0.0
    for part in parts:
        start, stop = part.span.start, recording.frames_before(part.span.end)
        window = Window(recording, FrameSpan(start, max(stop, start + 1)), language)
        segments = _untimed(sessions, part, window)
        (audio,) = sessions.encode([window], full_context=True)
        segments = timer.time(segments, window, audio, last_speech)
        for segment in segments:
            if pending and pending.id == segment.id:
                pending = _joined(pending, segment)
                continue
            if pending:
                yield _rated(pending)
            pending = segment
        last_speech = last_word_end(segments, last_speech)
        recording.forget(start)
        on_progress(stop, max(stop, recording.expected_frames))
    if pending:
        yield _rated(pending)


def with_wordless(
    segments: Iterable[Segment], passages: Sequence[str], language: str, duration: Callable[[], float]
) -> Iterator[Segment]:
    """Segments, and in the gaps between them the passages without words: notes, dashes, emoji.

    Args:
        segments: of the passages with words, in order.
        passages: all of them; a segment has the number of its passage.
        language: code.
        duration: seconds of the recording, once the segments are there.
    """
    following, free_from = 0, 0.0
    for segment in segments:
        yield from _over_gap(passages, range(following, segment.id), free_from, segment.start, language)
        yield segment
        following, free_from = segment.id + 1, segment.end
    yield from _over_gap(passages, range(following, len(passages)), free_from, duration(), language)


def _over_gap(passages: Sequence[str], numbers: range, start: float, end: float, language: str) -> Iterator[Segment]:
    """Those of some passages that have no words, in equal parts of a gap."""
    wordless = [number for number in numbers if not plain(passages[number])]
    share = max(0.0, end - start) / max(1, len(wordless))
    for place, number in enumerate(wordless):
        begin, text = start + place * share, f" {passages[number].strip()}"
        ratio = compression_ratio(text)
        yield Segment(number, begin, begin + share, text, [], 0.0, 0.0, ratio, 0.0, 0, language, words=())


def _untimed(sessions: ModelSessions, part: TextPart, window: Window) -> list[Segment]:
    """A segment for what a part has of each passage, over the whole window."""
    begin, end = window.span.start / FRAMES_PER_SECOND, window.span.end / FRAMES_PER_SECOND
    found = []
    for passage, text in part.passages():
        tokens = sessions.tokenizer.encode(text)
        found.append(Segment(passage, begin, end, text, tokens, 0.0, 0.0, 0.0, 0.0, window.span.start))
    used, room = sum(len(segment.tokens) for segment in found), sessions.dims.n_text_ctx - CONTROL
    if used > room:
        raise UsageError(
            f"{len(part.words)} words of text for the {end - begin:.0f} s from {begin:.0f} s on",
            f"a window takes {room} tokens, these are {used}: is it the text of this recording?",
        )
    return [replace(segment, language=window.language or "en") for segment in found]


def _joined(first: Segment, second: Segment) -> Segment:
    """Two parts of one passage."""
    return replace(
        first,
        end=second.end,
        text=first.text + second.text,
        tokens=first.tokens + second.tokens,
        words=(first.words or ()) + (second.words or ()),
    )


def _rated(segment: Segment) -> Segment:
    """A segment with the mean log probability of its words."""
    probabilities = [max(word.probability, LEAST_PROBABILITY) for word in segment.words or ()]
    mean = sum(map(log, probabilities)) / len(probabilities) if probabilities else 0.0
    return replace(segment, avg_logprob=mean, compression_ratio=compression_ratio(segment.text))
