"""Windows to segments."""

import pytest

from ovw.transcribe.batched import is_echo
from ovw.transcribe.segments import Piece, split_window

BEGIN = 1000


class Ids:
    timestamp_begin = BEGIN

    def is_timestamp(self, token: int) -> bool:
        return token >= BEGIN

    def seconds(self, token: int) -> float:
        return (token - BEGIN) * 0.02


def at(seconds: float) -> int:
    return BEGIN + round(seconds / 0.02)


@pytest.mark.parametrize(
    ("tokens", "size", "pieces", "advance"),
    [
        # two segments, the second unfinished: go on at its start
        ([at(0), 1, at(2), at(2), 2], 3000, [(5, 7, [at(0), 1, at(2)])], 200),
        # a closing timestamp alone: nothing follows in this window
        (
            [at(0), 1, at(2), at(2.5), 2, at(4)],
            3000,
            [(5, 7, [at(0), 1, at(2)]), (7.5, 9, [at(2.5), 2, at(4)])],
            3000,
        ),
        # no pair: one piece up to its last timestamp
        ([at(0), 1, 2, at(3)], 800, [(5, 8, [at(0), 1, 2, at(3)])], 800),
        # no timestamp: the whole window
        ([1, 2], 800, [(5, 13, [1, 2])], 800),
        ([at(0)], 800, [(5, 13, [at(0)])], 800),
        ([], 800, [(5, 13, [])], 800),
    ],
)
def test_split_window(tokens: list[int], size: int, pieces: list, advance: int) -> None:
    cut = split_window(tokens, Ids(), 500, size)  # type: ignore[arg-type]
    found, moved = cut.pieces, cut.advance
    assert [(round(p.start, 6), round(p.end, 6), p.tokens) for p in found] == pieces
    assert moved == advance
    assert all(isinstance(p, Piece) for p in found)


@pytest.mark.parametrize(
    ("text", "echo"),
    [
        (" And a moment's energy. Besides, I cannot converse.", True),
        (" and a MOMENTS energy besides i CANNOT converse", True),
        (" Besides, I cannot.", False),  # not the end
        (" I cannot converse. No.", False),
        (" Besides, I cannot converse.", False),  # short enough to have been said twice
        ("", False),
        (" Something else entirely.", False),
    ],
)
def test_a_rest_that_only_repeats_the_end(text: str, echo: bool) -> None:
    before = " She replied with a sort of tartness and a moment's energy. Besides, I cannot converse."
    assert is_echo(text, before) is echo
    assert not is_echo(text, "")
