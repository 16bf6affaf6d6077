"""Cut tokens into words (openai/whisper, `tokenizer.py`)."""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass, field

from ovw.transcribe.tokenizer import Tokenizer

UNSPACED = frozenset({"zh", "ja", "th", "lo", "my", "yue"})
"""Languages that put no spaces between words; every character counts as one.

openai-whisper's list, so that words are timed as there. Khmer is not in it, though it is scored by characters.
"""
BROKEN = "\ufffd"


@dataclass
class TokenWord:
    """A word and the tokens that spell it."""

    text: str
    tokens: list[int] = field(default_factory=list)


def split_words(tokenizer: Tokenizer, tokens: Sequence[int], language: str | None) -> list[TokenWord]:
    """Words in order; together they hold every token. Control tokens stand alone."""
    pieces = _characters(tokenizer, tokens)
    return pieces if language in UNSPACED else _joined(tokenizer, pieces)


def _characters(tokenizer: Tokenizer, tokens: Sequence[int]) -> list[TokenWord]:
    """The shortest runs of tokens that are whole characters."""
    whole = tokenizer.decode_all(tokens)
    pieces: list[TokenWord] = []
    run: list[int] = []
    at = 0
    for token in tokens:
        run.append(token)
        text = tokenizer.decode_all(run)
        broken = text.find(BROKEN)
        if broken < 0 or whole[at + broken : at + broken + 1] == BROKEN:  # the text itself may hold U+FFFD
            pieces.append(TokenWord(text, run))
            at += len(text)
            run = []
    if run:
        pieces.append(TokenWord(tokenizer.decode_all(run), run))
    return pieces


def _joined(tokenizer: Tokenizer, pieces: list[TokenWord]) -> list[TokenWord]:
    """Pieces joined to what is written between spaces; punctuation stands alone."""
    words: list[TokenWord] = []
    for piece in pieces:
        control = piece.tokens[0] >= tokenizer.eot
        alone = control or piece.text.startswith(" ") or piece.text.strip() in string.punctuation
        if alone or not words:
            words.append(TokenWord(piece.text, list(piece.tokens)))
        else:
            words[-1].text += piece.text
            words[-1].tokens += piece.tokens
    return words
