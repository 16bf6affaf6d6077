"""Text as subtitles can hold it, how wide it is and where it may be broken."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from unicodedata import category

from wcwidth import wcswidth, wcwidth

SPACES = re.compile(r"[^\S\u00a0\u2007\u202f]+")
"""Where text may always be broken; no-break spaces belong to their words."""
LINE_END = re.compile(r"[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
NEVER_SHOWN = dict.fromkeys([*range(0x09), *range(0x0E, 0x1C), *range(0x7F, 0x85), *range(0x86, 0xA0), 0xFEFF])
IDEOGRAPHIC = re.compile(
    r"[\u2e80-\u2fdf\u3000-\u312f\u31a0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\uf900-\ufaff\uff00-\uff9f"
    r"\U00016fe0-\U0001b2ff\U00020000-\U0003ffff]"
)
_SPACELESS = r"\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u1950-\u19ff\u1a20-\u1aaf\u1b00-\u1b7f\ua980-\ua9ff\uaa60-\uaadf"
WITHOUT_SPACES = re.compile(f"[{_SPACELESS}]")
"""Thai, Lao, Tibetan, Burmese, Khmer, Javanese, Balinese and their kin."""
SCRIPT_EDGE = re.compile(
    rf"(?<=[{_SPACELESS}])(?=[^\W{_SPACELESS}]|[(\[{{“‘«])|(?<=[^\W{_SPACELESS}])(?=[{_SPACELESS}])"
    rf"|(?<=[)\]}}”’»])(?=[{_SPACELESS}])"
)
"""Names, numbers, brackets and quotes within such text, beside which the dictionaries see no break."""
UNSEEN_BREAK = re.compile(r"(?<=[\u200b\u1361])")
"""Behind the zero-width space and the Ethiopic word space, in any script."""
EMOJI = re.compile(r"[\U0001f000-\U0001fbff\ufe0f]")
NEVER_FIRST = frozenset(
    "ーぁぃぅぇぉっゃゅょゎゕゖァィゥェォッャュョヮヵヶㇰㇱㇲㇳㇴㇵㇶㇷㇸㇹㇺㇻㇼㇽㇾㇿｧｨｩｪｫｬｭｮｯｰ々〻ゝゞヽヾ゛゜〜～"
    "ๆฯໆຯៗ"
)
"""Small kana, marks of length and repetition (JIS X 4051, and Thai, Lao, Khmer); punctuation is recognised by its
category."""
CLOSING = frozenset({"Pe", "Pf", "Po", "Mn", "Mc", "Me", "Cf", "Zs"})
CLOSING_ALWAYS = frozenset({"Pe", "Mn", "Mc", "Me"})
OPENING = frozenset({"Ps", "Pi", "Cf"})
OPENING_MARKS = frozenset("¿¡")


def clean(text: str) -> str:
    """Text that every file can hold: no control characters, no halves of surrogate pairs."""
    return text.translate(NEVER_SHOWN).encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def no_arrow(text: str) -> str:
    """Text that cannot be taken for the time line of a cue."""
    return re.sub(r"--+>", "->", text)


def columns(text: str) -> int:
    """Width of a line: 2 for East Asian wide characters, 0 for combining marks."""
    width = wcswidth(text)  # of emoji that are joined too
    return width if width >= 0 else sum(map(_width, text))


def characters(text: str) -> int:
    """Characters to read: spaces count, combining marks and line ends do not."""
    return sum(_width(character) > 0 for character in text)


@cache
def _width(character: str) -> int:
    return max(0, wcwidth(character))


def unbroken(word: str) -> Iterator[str]:
    """Cut a run without spaces wherever a line may end in it: beside ideographs, kana, emoji, between Thai words."""
    found: list[str] = []
    for run in UNSEEN_BREAK.split(word):
        for part in _words(run) if WITHOUT_SPACES.search(run) else (run,):
            for piece in _beside_ideographs(part):
                if found and _belong_together(found[-1], piece):
                    found[-1] += piece
                else:
                    found.append(piece)
    yield from found


def _belong_together(before: str, after: str) -> bool:
    if before.endswith("-") and after.startswith(("-", ">")):  # an arrow stays in one piece
        return True
    first = after[:1]
    return not first or first in NEVER_FIRST or category(first) in CLOSING_ALWAYS


def _words(run: str) -> Iterator[str]:
    """Between words, by ICU's dictionaries (Unicode line breaking, UAX 14, leaves these scripts to them)."""
    from icu4py.breakers import LineBreaker  # large, and few need it

    for part in SCRIPT_EDGE.split(run):
        yield from LineBreaker(part, "en")


def _beside_ideographs(word: str) -> Iterator[str]:
    characters_of = _clusters(word) if EMOJI.search(word) else list(word)
    piece = ""
    for before, after in pairwise(["", *characters_of]):
        if before and _may_break(before, after):
            yield piece
            piece = ""
        piece += after
    yield piece


def _clusters(word: str) -> list[str]:
    """Characters as people count them: an emoji with its skin tone and all that is joined to it is one."""
    from icu4py.breakers import CharacterBreaker

    return list(CharacterBreaker(word, "en"))


def _may_break(before: str, after: str) -> bool:
    """Basic kinsoku shori: no line begins with a closing mark or ends with an opening one."""
    if not any(IDEOGRAPHIC.match(one) or EMOJI.search(one) for one in (before, after)):
        return False
    first, last = after[0], before[0]
    if first in NEVER_FIRST or (category(first) in CLOSING and first not in OPENING_MARKS):
        return False
    return category(last) not in OPENING and last not in OPENING_MARKS


def title(name: str) -> str:
    """A file name as metadata: one line, no brackets."""
    return " ".join(clean(name).split()).translate(str.maketrans("[]", "()"))
