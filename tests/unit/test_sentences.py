"""Where a text that is known is cut into cues."""

from __future__ import annotations

import pytest

from ovw.transcribe.sentences import sentences_of


@pytest.mark.parametrize(
    "sentences",
    [
        ["One two.", "Three, 4.5 four!", "And five"],
        ["他说：“你好。”", "然后走了。"],
        ["「行くぞ！」", "と言った。", "はい。"],
        ['他说："你好。"', "然后走了。"],
        ["他说。", '"你好。"', '"好！"'],
        ["真的？！", "真的。"],
        ["He said “Yes.”", "She left."],
        ['"Stop!" he cried.', '"Why?"', "(Nobody knows.)", "Then silence."],
        ["« Oui. »", "Il part."],
        ["„Nein.“", "Er geht."],
        ["Mr. Smith met Dr. J. R. Jones in the U.S. Senate.", "They spoke."],
        ["Fruit, e.g. Apples, i.e. Food, at 5 p.m. sharp.", "So do I.", "Bye."],
        ["Wait... what?", "Well…", "Yes!"],
        ["..."],
        ["A point. lower case goes on.", "Then an end"],
    ],
)
def test_sentences(sentences: list[str]) -> None:
    spaced = sentences[0][0].isascii() or sentences[0][0] in "«„"
    assert list(sentences_of((" " if spaced else "").join(sentences))) == sentences


def test_nothing() -> None:
    assert list(sentences_of("")) == []
