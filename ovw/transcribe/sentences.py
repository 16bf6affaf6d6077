"""Where the sentences of a text end."""

from __future__ import annotations

import re
from collections.abc import Iterator

WIDE = "。！？"
"""Marks behind which no space is needed."""
MARK = re.compile(
    r"[.!?…]+(?:[\"'”“’»«›)\]}]|\s[»›])*(?=\s)"  # of scripts with spaces; French has one before its quotes
    rf"|[{WIDE}]+[”’」』】）〕》〉］｝)\"]*"
)
"""Marks that may end a sentence, with the quotes and brackets that are closed behind them."""
NEXT = re.compile(r"\s*(\S)")
DOTTED = re.compile(r"[^\W\d_]+(?:\.[^\W\d_]+)*\Z")
LONGEST = 20
"""Characters of an abbreviation, at most."""
ABBREVIATIONS = frozenset({
    "Mr", "Mrs", "Ms", "Dr", "Prof", "St", "Mt", "Gen", "Col", "Capt", "Lt", "Sgt", "Rev", "Gov", "Sen", "Messrs",
    "Mme", "Mlle", "Sr", "Sra", "Hr", "Nr", "vs", "cf", "bzw", "z.B", "e.g", "i.e", "E.g", "I.e",
})  # fmt: skip
"""Words with a point that are hardly ever the last of a sentence."""


def sentences_of(line: str) -> Iterator[str]:
    """The sentences of a line, without the spaces around them."""
    start = 0
    for mark in MARK.finditer(line):
        end = mark.end()
        if mark[0][0] in WIDE:
            opens_next = line[end - 1] == '"' and line.count('"', start, end) % 2
            end -= 1 if opens_next else 0
        elif _goes_on(line, start, mark):
            continue
        yield line[start:end].strip()
        start = end
    if rest := line[start:].strip():
        yield rest


def _goes_on(line: str, start: int, mark: re.Match[str]) -> bool:
    """Whether a sentence goes on behind a mark: behind an initial or an abbreviation, or in lower case."""
    if mark[0] == "." and _is_short(line[max(start, mark.start() - LONGEST) : mark.start()]):
        return True
    following = NEXT.match(line, mark.end())
    return bool(following and following[1].islower())


def _is_short(before: str) -> bool:
    found = DOTTED.search(before)
    if not found:
        return False
    last = found[0].rpartition(".")[2]
    return found[0] in ABBREVIATIONS or (len(last) == 1 and last.isupper() and found[0] != "I")
