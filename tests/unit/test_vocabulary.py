"""The vocabulary of the code: the field's terms, and one class for one name."""

import ast
import io
import re
import tokenize
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(
    path for folder in ("ovw", "convert", "benchmark", "evaluate") for path in (ROOT / folder).rglob("*.py")
)
IN_NAMES = {"hear", "hears", "heard", "unheard", "told", "tells", "said", "says", "spoken"}
"""A model encodes, a text states, a function reports."""
IN_TEXTS = (IN_NAMES - {"spoken"}) | {"hearing", "tell", "say", "saying"}
"""`spoken` is allowed of words and languages."""


def parts_of(name: str) -> set[str]:
    """`_TheseWords_of` -> these, words, of."""
    return {part.lower() for part in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_plain_words(path: Path) -> None:
    found = []
    for token in tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline):
        if token.type == tokenize.NAME and parts_of(token.string) & IN_NAMES:
            found.append(f"{token.start[0]}: {token.string}")
        elif token.type in (tokenize.STRING, tokenize.COMMENT):
            words = set(re.findall(r"[a-z]+", token.string.lower().replace("cannot tell", "")))
            found += [f"{token.start[0]}: {word}" for word in sorted(words & IN_TEXTS)]
    assert not found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_docstrings_name_the_thing(path: Path) -> None:
    texts = re.findall(r'^\s*"""(What|How|The same)\b(.*)', path.read_text(encoding="utf-8"), re.MULTILINE)
    assert not texts


def test_every_public_class_name_once() -> None:
    places = defaultdict(list)
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert not {name: found for name, found in places.items() if len(found) > 1}


def test_the_words_are_found() -> None:
    assert parts_of("_told_apart") & IN_NAMES
    assert parts_of("WindowHeard") & IN_NAMES
    assert not parts_of("file_tell") & IN_NAMES
