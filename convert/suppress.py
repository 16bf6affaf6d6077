"""Tokens that must never be sampled, from the tokenizer itself (openai/whisper, `tokenizer.py:non_speech_tokens`)."""

from __future__ import annotations

from tokenizers import Tokenizer

from ovw.control_tokens import CONTROL_TOKENS, START, spellings_of
from ovw.convert.tokenizer import PADDING

BRACKETS_AND_SIGNS = '"#()*+/:;<=>@[\\]^_`{|}~「」『』'
RUNS = ("<<", ">>", "<<<", ">>>", "--", "---", "-(", "-[", "('", '("', "((", "))", "(((", ")))", "[[", "]]", "{{", "}}")
NOTES = ("♪♪", "♪♪♪")
MUSIC = "♩♪♫♬♭♮♯"
"""Several bytes each, of which the first token is theirs alone."""


def suppress_tokens(tokenizer: Tokenizer) -> list[int]:
    """Speaker tags, brackets, music and other signs that are not speech, and the control tokens; ids in order.

    A hyphen or an apostrophe is allowed inside a word, not at its start.
    """

    def encode(text: str) -> list[int]:
        return list(tokenizer.encode(text, add_special_tokens=False).ids)

    found = {encode(" -")[0], encode(" '")[0]}
    for symbol in (*BRACKETS_AND_SIGNS, *RUNS, *NOTES, *MUSIC):
        for tokens in (encode(symbol), encode(" " + symbol)):
            if len(tokens) == 1 or symbol in MUSIC:
                found.add(tokens[0])
    controls = (tokenizer.token_to_id(name) for token in (START, *CONTROL_TOKENS) for name in spellings_of(token))
    return sorted(found | padding_tokens(tokenizer) | {token for token in controls if token is not None})


def padding_tokens(tokenizer: Tokenizer) -> set[int]:
    """Tokens that only fill the vocabulary up to the size of the embeddings."""
    return {token for name, token in tokenizer.get_vocab().items() if name.startswith(PADDING)}
