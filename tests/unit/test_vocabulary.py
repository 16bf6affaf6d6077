"""The vocabulary of the code: the field's terms, and one class for one name."""

import ast
import io
import re
import tokenize
from collections import defaultdict
from functools import cache

from support.modules import modules, nodes_of, text_of

IN_NAMES = {"hear", "hears", "heard", "unheard", "told", "tells", "said", "says", "spoken"}
"""A model encodes, a text states, a function reports."""
IN_TEXTS = (IN_NAMES - {"spoken"}) | {"hearing", "tell", "say", "saying"}
"""`spoken` is allowed of words and languages."""


@cache
def parts_of(name: str) -> set[str]:
    """`_TheseWords_of` -> these, words, of."""
    return {part.lower() for part in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)}


def test_plain_words() -> None:
    found = []
    for name in modules():
        for token in tokenize.generate_tokens(io.StringIO(text_of(name)).readline):
            if token.type == tokenize.NAME and parts_of(token.string) & IN_NAMES:
                found.append(f"{name}:{token.start[0]}: {token.string}")
            elif token.type in (tokenize.STRING, tokenize.COMMENT):
                words = set(re.findall(r"[a-z]+", token.string.lower().replace("cannot tell", "")))
                found += [f"{name}:{token.start[0]}: {word}" for word in sorted(words & IN_TEXTS)]
    assert not found


def test_docstrings_name_the_thing() -> None:
    vague = re.compile(r'^\s*"""(?:What|How|The same)\b.*', re.MULTILINE)
    assert not [f"{name}: {text.strip()}" for name in modules() for text in vague.findall(text_of(name))]


def test_every_public_class_name_once() -> None:
    places = defaultdict(list)
    for name in modules():
        for node in nodes_of(name):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(f"{name}:{node.lineno}")
    assert not {name: found for name, found in places.items() if len(found) > 1}


def test_the_words_are_found() -> None:
    assert parts_of("_told_apart") & IN_NAMES
    assert parts_of("WindowHeard") & IN_NAMES
    assert not parts_of("file_tell") & IN_NAMES
