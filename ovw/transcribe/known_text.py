"""Which part of a text that is known belongs to which stretch of a recording.

A recording is first transcribed. Where its words are those of the known text, one after the other, the text can be cut
at the time between them, so that every part fits a window of the model and can be aligned there.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import groupby, pairwise

from ovw.audio.mel import FRAMES_PER_SECOND
from ovw.transcribe.result import Word
from ovw.transcribe.sentences import sentences_of
from ovw.transcribe.words.split import UNSPACED
from ovw.voice_activity.spans import FrameSpan

LONGEST_S = 28.0
"""Seconds of a part; a window is two seconds longer."""
SHORTEST_S = 10.0
"""From here on a part may end at the longest pause in reach."""
AROUND_S = 0.5
"""Seconds of a pause that are left to the words around it."""
UNKNOWN_WORDS = 4
"""Recognised words in a row, more than the known ones there can account for, that are speech without text: an
introduction, an advertisement, an aside."""
UNKNOWN_S = 2.0
"""Seconds that such speech takes at least."""
Pair = tuple[int, int]
"""Numbers of equal words, known and recognised."""


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


@dataclass(frozen=True)
class _Section:
    """Known words that are spoken one after the other.

    Attributes:
        first: number of the first one.
        stop: number behind the last one.
        begin: seconds at which they begin.
        end: seconds at which they end.
    """

    first: int
    stop: int
    begin: float
    end: float


def plain(text: str) -> str:
    """The letters and digits of a text, whatever the case."""
    return "".join(filter(str.isalnum, text.casefold()))


def passages_of(text: str) -> list[str]:
    """The sentences of a text, line by line."""
    return [sentence for line in text.splitlines() for sentence in sentences_of(line.strip())]


def known_words(passages: Sequence[str], language: str | None) -> list[KnownWord]:
    """The words of passages; of languages without spaces, their characters. Passages of signs alone have none."""
    pattern = re.compile(r"\s*\S" if language in UNSPACED else r"\s*\S+")
    worded = [(i, text.strip()) for i, text in enumerate(passages) if plain(text)]
    return [KnownWord(i, word) for i, text in worded for word in pattern.findall(f" {text}")]


def matches(known: Sequence[KnownWord], recognised: Sequence[Word]) -> list[Pair]:
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
    pairs = _plausible(known, recognised, matches(known, recognised))
    cuts = list(_cuts(pairs, recognised))
    found: list[TextPart] = []
    for section in _sections(known, recognised, pairs, duration):
        begin, word = section.begin, section.first
        inside = [cut for cut in cuts if cut.word < section.stop]
        while word < section.stop:
            cut = _next_cut(inside, word, begin, section)
            found += _pieces(known[word : cut.word], begin, cut.end)
            begin, word = cut.begin, cut.word
    return found


def _plausible(known: Sequence[KnownWord], recognised: Sequence[Word], pairs: Sequence[Pair]) -> list[Pair]:
    """Pairs of equal words without those amid speech that has no text, which are chance; whole passages are not."""
    edges = [(-1, -1), *pairs, (len(known), len(recognised))]
    amid = [
        min(_unknown(before, pair), _unknown(pair, after)) >= UNKNOWN_WORDS
        for before, pair, after in zip(edges, pairs, edges[2:], strict=False)
    ]
    sizes = Counter(word.passage for word in known)
    return [pair for pair, lone in zip(pairs, amid, strict=True) if not lone or sizes[known[pair[0]].passage] == 1]


def _unknown(before: Pair, after: Pair) -> int:
    """Recognised words between two pairs for which known words between them cannot account."""
    (a, b), (c, d) = before, after
    return d - b - 1 - _reach(c - a - 1)


def _sections(
    known: Sequence[KnownWord], recognised: Sequence[Word], pairs: Sequence[Pair], duration: float
) -> Iterator[_Section]:
    """The text as far as it is spoken without other speech between, each stretch with its time.

    Args:
        known: words of the text.
        recognised: words of the transcription.
        pairs: of equal words.
        duration: seconds of the recording.
    """
    begin, first = _begin_of(recognised, pairs), 0
    for (a, b), (c, d) in pairwise(pairs):
        word = next((i for i in range(a + 1, c) if known[i].passage != known[a].passage), c)
        if known[word].passage != known[c].passage:
            continue  # a whole passage between was not recognised: it may be anywhere
        last, after = b + _reach(word - a - 1), d - _reach(c - word)
        if after - last - 1 < UNKNOWN_WORDS or recognised[after].start - recognised[last].end < UNKNOWN_S:
            continue
        yield _Section(first, word, begin, _end_behind(recognised, last))
        begin, first = _begin_before(recognised, after), word
    yield _Section(first, len(known), begin, _end_of(known, recognised, pairs, begin, duration))


def _reach(missed: int) -> int:
    """Recognised words that may stand for known words in a row that were not recognised."""
    return 2 * missed + 1 if missed else 0


def _begin_of(recognised: Sequence[Word], pairs: Sequence[Pair]) -> float:
    """Seconds at which the text begins: behind music or silence, or behind speech that is not in it."""
    if pairs:
        a, b = pairs[0]
        at = b - _reach(a)
        if at >= UNKNOWN_WORDS and recognised[at].start - recognised[0].start >= UNKNOWN_S:
            return _begin_before(recognised, at)
    return recognised[0].start - AROUND_S if recognised and recognised[0].start > LONGEST_S else 0.0


def _end_of(
    known: Sequence[KnownWord],
    recognised: Sequence[Word],
    pairs: Sequence[Pair],
    begin: float,
    duration: float,
) -> float:
    """Seconds at which the text ends: before speech that is not in it, or with the recording."""
    if pairs:
        a, b = pairs[-1]
        at = b + _reach(len(known) - 1 - a)
        if len(recognised) - 1 - at >= UNKNOWN_WORDS and recognised[-1].end - recognised[at].end >= UNKNOWN_S:
            return _end_behind(recognised, at)
    if not recognised or duration - begin <= LONGEST_S:
        return duration
    return min(duration, max(recognised[-1].end + 2 * AROUND_S, begin))


def _begin_before(recognised: Sequence[Word], number: int) -> float:
    """Seconds at which a part begins with a recognised word that follows another."""
    before, word = recognised[number - 1], recognised[number]
    return word.start - min(max(0.0, word.start - before.end) / 2, AROUND_S)


def _end_behind(recognised: Sequence[Word], number: int) -> float:
    """Seconds at which a part ends with a recognised word that another follows."""
    word, after = recognised[number], recognised[number + 1]
    return word.end + min(max(0.0, after.start - word.end) / 2, AROUND_S)


def _cuts(pairs: Sequence[Pair], recognised: Sequence[Word]) -> Iterator[_Cut]:
    for (a, b), (c, d) in pairwise(pairs):
        if (c, d) == (a + 1, b + 1):
            ended = recognised[b].end
            pause = max(0.0, recognised[d].start - ended)
            yield _Cut(c, _end_behind(recognised, b), max(ended, _begin_before(recognised, d)), pause)


def _next_cut(cuts: Sequence[_Cut], word: int, begin: float, section: _Section) -> _Cut:
    """Where the part that begins with a word ends: the longest pause in reach, else the next one, else the end."""
    end = _Cut(section.stop, section.end, section.end, 0.0)
    ahead = [cut for cut in cuts if cut.word > word and cut.end > begin]
    if section.end - begin <= LONGEST_S:
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
