"""Text as subtitles can hold it, how wide it is and where it may be broken."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from unicodedata import category

from wcwidth import wcswidth, wcwidth

SPACES = re.compile(r"[^\S\u00a0\u2007\u202f]+")
"""Where text may always be broken; no-break spaces belong to their words."""
LINE_END = re.compile(r"[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
NEVER_SHOWN = dict.fromkeys([*range(0x09), *range(0x0E, 0x1C), *range(0x7F, 0x85), *range(0x86, 0xA0), 0xFEFF])
IDEOGRAPHIC = re.compile(
    r"[\u2e80-\u2fdf\u3000-\u312f\u31a0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff00-\uff9f\U00020000-\U0003ffff]"
)
_SPACELESS = r"\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u1950-\u19ff\u1a20-\u1aaf\ua9e0-\ua9ff\uaa60-\uaadf"
WITHOUT_SPACES = re.compile(f"[{_SPACELESS}]")
"""Thai, Lao, Tibetan, Burmese, Khmer and their kin."""
SCRIPT_EDGE = re.compile(f"(?<=[{_SPACELESS}])(?=[A-Za-z0-9])|(?<=[A-Za-z0-9])(?=[{_SPACELESS}])")
"""Names and numbers within such text, beside which the dictionaries see no break."""
NEVER_FIRST = frozenset(
    "ーぁぃぅぇぉっゃゅょゎゕゖァィゥェォッャュョヮヵヶㇰㇱㇲㇳㇴㇵㇶㇷㇸㇹㇺㇻㇼㇽㇾㇿｧｨｩｪｫｬｭｮｯｰ々〻ゝゞヽヾ゛゜〜～"
)
"""Small kana, marks of length and repetition (JIS X 4051); punctuation is recognised by its category."""
CLOSING = frozenset({"Pe", "Pf", "Po", "Mn", "Mc", "Me", "Cf", "Zs"})
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
    """Cut a run without spaces wherever a line may end in it: beside ideographs and kana, between Thai words."""
    found: list[str] = []
    for part in _words(word) if WITHOUT_SPACES.search(word) else (word,):
        for piece in _beside_ideographs(part):
            if found and found[-1].endswith("-") and piece.startswith(("-", ">")):  # an arrow stays in one piece
                found[-1] += piece
            else:
                found.append(piece)
    yield from found


def _words(run: str) -> Iterator[str]:
    """Between words, by ICU's dictionaries (Unicode line breaking, UAX 14, leaves these scripts to them)."""
    from icu4py.breakers import LineBreaker  # large, and few need it

    for part in SCRIPT_EDGE.split(run):
        yield from LineBreaker(part, "en")


def _beside_ideographs(word: str) -> Iterator[str]:
    start = 0
    for i in range(1, len(word)):
        if _may_break(word[i - 1], word[i]):
            yield word[start:i]
            start = i
    yield word[start:]


def _may_break(before: str, after: str) -> bool:
    """Basic kinsoku shori: no line begins with a closing mark or ends with an opening one."""
    if not (IDEOGRAPHIC.match(before) or IDEOGRAPHIC.match(after)):
        return False
    if after in NEVER_FIRST or (category(after) in CLOSING and after not in OPENING_MARKS):
        return False
    return category(before) not in OPENING and before not in OPENING_MARKS


def title(name: str) -> str:
    """A file name as metadata: one line, no brackets."""
    return " ".join(clean(name).split()).translate(str.maketrans("[]", "()"))
