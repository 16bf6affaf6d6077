"""Ways to damage a file. Every mutator takes bytes and a generator of random numbers, and gives other bytes."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Sequence

from fuzz.structure import swap_header, swap_value

Mutator = Callable[[bytes, random.Random], bytes]
EXTREMES = (
    0,
    1,
    -1,
    127,
    128,
    255,
    32767,
    65535,
    2**24,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**40,
    2**63 - 1,
    2**63,
    2**64 - 1,
)
TOKENS = (
    b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\\ud800", b"\r\n", b"NaN", b"Infinity", b"-1", b"1e999", b"9" * 5000, b"[" * 1000, b"{\"a\":" * 200,
    b"null", b"true", b"\"\"", b"[]", b"{}", b"../../x", b"a\\u0000b", b"&a [*a]", b"!!python/object/apply:os.getcwd []", b"\xc3\x28", b"\t", b",", b"%s%n",
)  # fmt: skip
HEAD = 4096
"""Bytes at the beginning that are hit as often as all the rest: there the headers are."""


def place(data: bytes, rng: random.Random) -> int:
    end = min(HEAD, len(data)) if rng.random() < 0.5 else len(data)
    return rng.randrange(max(1, end))


def flip_bits(data: bytes, rng: random.Random) -> bytes:
    found = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8, 64))):
        if found:
            found[place(data, rng)] ^= 1 << rng.randrange(8)
    return bytes(found)


def cut(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def remove(data: bytes, rng: random.Random) -> bytes:
    at = place(data, rng)
    return data[:at] + data[at + rng.choice((1, 2, 4, 16, 256, 4096)) :]


def repeat(data: bytes, rng: random.Random) -> bytes:
    at, size = place(data, rng), rng.choice((1, 4, 64, 4096))
    return data[:at] + data[at : at + size] * rng.choice((2, 3, 50)) + data[at + size :]


def insert(data: bytes, rng: random.Random) -> bytes:
    at = place(data, rng)
    return data[:at] + rng.randbytes(rng.choice((1, 4, 64))) + data[at:]


def zero(data: bytes, rng: random.Random) -> bytes:
    at, size = place(data, rng), rng.choice((1, 4, 64, 4096))
    return data[:at] + bytes(min(size, len(data) - at)) + data[at + size :]


def extreme(data: bytes, rng: random.Random) -> bytes:
    """A number at the edge of its type, as a size or a count may be."""
    form, order = rng.choice("bhiq"), rng.choice("<>")
    size = struct.calcsize(form)
    value = rng.choice(EXTREMES) & ((1 << 8 * size) - 1)
    at = place(data, rng) // size * size
    return data[:at] + struct.pack(f"{order}{form.upper()}", value) + data[at + size :]


def token(data: bytes, rng: random.Random) -> bytes:
    at = place(data, rng)
    return data[:at] + rng.choice(TOKENS) + data[at + rng.choice((0, 0, 1, 8)) :]


def swap_number(data: bytes, rng: random.Random) -> bytes:
    """Another number in the place of one that is written out in digits."""
    digits = [at for at, byte in enumerate(data[: 16 * HEAD]) if 48 <= byte <= 57]
    if not digits:
        return token(data, rng)
    at = rng.choice(digits)
    return data[:at] + str(rng.choice(EXTREMES)).encode() + data[at + 1 :]


def swap_lines(data: bytes, rng: random.Random) -> bytes:
    lines = data.split(b"\n")
    a, b = rng.randrange(len(lines)), rng.randrange(len(lines))
    lines[a], lines[b] = lines[b], lines[a]
    return b"\n".join(lines)


BINARY: Sequence[Mutator] = (flip_bits, flip_bits, cut, remove, repeat, insert, zero, extreme, extreme, token)
TEXT: Sequence[Mutator] = (
    flip_bits, cut, remove, repeat, token, token, token, swap_number, swap_number, swap_lines,
    swap_value, swap_value, swap_value, swap_value, swap_value, swap_value, swap_value, swap_value,
)  # fmt: skip
HEADED: Sequence[Mutator] = (*BINARY, *[swap_header] * len(BINARY))
"""For safetensors: half of the time the header."""


def mutate(data: bytes, rng: random.Random, mutators: Sequence[Mutator]) -> bytes:
    """One to three mutations; never the same bytes."""
    found = data
    while found == data:
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            found = rng.choice(mutators)(found, rng)
    return found
