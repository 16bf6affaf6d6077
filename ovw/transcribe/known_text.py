"""Which part of a text that is known belongs to which stretch of a recording.

A recording is first transcribed. Where its words are those of the known text, one after the other, the text can be cut
at the time between them, so that every part fits a window of the model and can be aligned there.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import groupby, pairwise

from ovw.audio.mel import FRAMES_PER_SECOND
from ovw.transcribe.result import Word
from ovw.transcribe.words.split import UNSPACED
from ovw.voice_activity.spans import FrameSpan

LONGEST_S = 28.0
"""Seconds of a part; a window is two seconds longer."""
SHORTEST_S = 10.0
"""From here on a part may end at the longest pause in reach."""
AROUND_S = 0.5
"""Seconds of a pause that are left to the words around it."""
SENTENCE = re.compile(r".+?(?:[.!?…](?=\s)|[。！？]|$)\s*", re.DOTALL)


@dataclass(frozen=True)
class KnownWord:
    """A word of the known text.

    Attributes:
        passage: number of the passage that it is in.
        text: as written, with the space before it.
    """

    passage: int
    text: str


@dataclass(frozen=True)
class TextPart:
    """A stretch of a recording and the words of the known text in it."""

    span: FrameSpan
    words: Sequence[KnownWord]

    def passages(self) -> Iterator[tuple[int, str]]:
        """The number of each passage with what of its text is in this part."""
        for passage, words in groupby(self.words, lambda word: word.passage):
            yield passage, "".join(word.text for word in words)


@dataclass(frozen=True)
class _Cut:
    """A place between two known words that were both recognised.

    Attributes:
        word: number of the word after it.
        end: seconds at which the part before it ends.
        begin: seconds at which the part after it begins.
        pause: seconds between the two words.
    """

    word: int
    end: float
    begin: float
    pause: float


def plain(text: str) -> str:
    """The letters and digits of a text, whatever the case."""
    return "".join(filter(str.isalnum, text.casefold()))


def passages_of(text: str) -> list[str]:
    """The sentences of a text, line by line."""
    lines = (line.strip() for line in text.splitlines())
    return [found.strip() for line in lines if line for found in SENTENCE.findall(line) if found.strip()]


def known_words(passages: Sequence[str], language: str | None) -> list[KnownWord]:
    """The words of passages; of languages without spaces, their characters."""
    pattern = re.compile(r"\s*\S" if language in UNSPACED else r"\s*\S+")
    return [KnownWord(i, word) for i, text in enumerate(passages) for word in pattern.findall(f" {text.strip()}")]


def matches(known: Sequence[KnownWord], recognised: Sequence[Word]) -> list[tuple[int, int]]:
    """Pairs of numbers of equal words, known and recognised, in order; the longest runs first (Ratcliff, Obershelp)."""
    wanted, found = [plain(word.text) for word in known], [plain(word.word) for word in recognised]
    blocks = SequenceMatcher(None, wanted, found, autojunk=False).get_matching_blocks()
    return [(block.a + i, block.b + i) for block in blocks for i in range(block.size) if wanted[block.a + i]]


def parts_of(known: Sequence[KnownWord], recognised: Sequence[Word], duration: float) -> list[TextPart]:
    """The known text in parts of at most `LONGEST_S` seconds, in order.

    Args:
        known: words of the text.
        recognised: words of a transcription, with their times.
        duration: seconds of the recording.
    """
    cuts = list(_cuts(known, recognised))
    begin, word = 0.0, 0
    if recognised and recognised[0].start > LONGEST_S:  # music, silence
        begin = recognised[0].start - AROUND_S
    last = min(duration, max(recognised[-1].end + 2 * AROUND_S, begin)) if recognised else duration
    last = duration if duration - begin <= LONGEST_S else last
    found: list[TextPart] = []
    while word < len(known):
        cut = _next_cut(cuts, word, begin, last)
        found += _pieces(known[word : cut.word], begin, cut.end)
        begin, word = cut.begin, cut.word
    return found


def _cuts(known: Sequence[KnownWord], recognised: Sequence[Word]) -> Iterator[_Cut]:
    for (a, b), (c, d) in pairwise(matches(known, recognised)):
        if (c, d) == (a + 1, b + 1):
            before, after = recognised[b], recognised[d]
            pause = max(0.0, after.start - before.end)
            kept = min(pause / 2, AROUND_S)
            yield _Cut(c, before.end + kept, after.start - kept if pause else before.end, pause)


def _next_cut(cuts: Sequence[_Cut], word: int, begin: float, last: float) -> _Cut:
    """Where the part that begins with a word ends: the longest pause in reach, else the next one, else the end."""
    end = _Cut(sys.maxsize, last, last, 0.0)
    ahead = [cut for cut in cuts if cut.word > word and cut.end > begin]
    if last - begin <= LONGEST_S:
        return end
    near = [cut for cut in ahead if cut.end - begin <= LONGEST_S]
    far = [cut for cut in near if cut.end - begin >= SHORTEST_S]
    if near:
        return max(far, key=lambda cut: cut.pause) if far else near[-1]
    return ahead[0] if ahead else end


def _pieces(words: Sequence[KnownWord], begin: float, end: float) -> list[TextPart]:
    """Words over a stretch that may be too long, in equal parts by their letters."""
    count = max(1, -(-round(end - begin) // round(LONGEST_S)))
    total = sum(len(word.text) for word in words)
    shares: list[list[KnownWord]] = [[] for _ in range(count)]
    seen = 0
    for word in words:
        shares[min(count - 1, seen * count // max(total, 1))].append(word)
        seen += len(word.text)
    edges = [begin + (end - begin) * i / count for i in range(count + 1)]
    spans = [FrameSpan(*(round(edge * FRAMES_PER_SECOND) for edge in pair)) for pair in pairwise(edges)]
    return [TextPart(span, share) for span, share in zip(spans, shares, strict=True) if share]
