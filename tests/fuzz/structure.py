"""Damage that keeps the form of a file: JSON, YAML and safetensors that parse, with values that nobody would write."""

from __future__ import annotations

import json
import random
import struct
from typing import Any

MARK = "\x01"
"""Stands in a text for what `json.dumps` cannot write; gone in the end."""
RAW = ("1e400", "-1e400", "Infinity", "-Infinity", "NaN", "-0", "1E-400", "9" * 400, "-" + "9" * 400, "9" * 5000)
"""Numbers in the way of JSON that Python would write otherwise, or not at all."""
ODD: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 7, 2**31, 2**53 + 1, 2**63, 2**64, 0.5, -0.5, 1e308, "", " ", "x", "0", "-1", "true", "a\0b", "..", "../x", "/etc/passwd", "a\nb",
    "x" * 100_000, "\U0010ffff", "\u202e", "\x1b[31m", [], {}, [[]], [None], [0], [-1], ["x"], [1, 2, 3], [[0, 0]], [[1, 2, 3]], [{}], {"": None}, {"a": {}}, {"0": 0},
    {"__class__": "x"}, [2**63], [0.5], [True], list(range(5000)),
)  # fmt: skip
NESTED = (1, 10, 60, 64, 70, 900)
SETTINGS = (
    "", "~", "null", "yes", "off", "0", "-1", "007", "0x7fffffffffffffff", "1_000", "1e400", ".inf", "-.inf", ".nan", "9" * 400, "9" * 5000, "3:25:45", "2024-01-01", "1.5", "''",
    "'x'", "[]", "{}", "[1, [2]]", "[~]", "{a: b}", "{1: 2}", "[*a]", "!!binary eA==", "!!set {a}", "!!omap [a: 1]", "!!python/name:os.system ''", "\"a\\0b\"", "\"\\ud800\"",
    "../x", "/dev/zero", "|\n  text", "&a [&b 1, *b]", "? [a]", "<<: {a: 1}", "\"" + "x" * 100_000 + "\"",
)  # fmt: skip


def swap_value(data: bytes, rng: random.Random) -> bytes:
    """JSON in which a value is another one, missing, or there twice; a line of it where there are many."""
    lines = data.splitlines() or [b""]
    several = len(lines) > 1 and _parsed(data) is None
    place = rng.randrange(len(lines)) if several else 0
    found = _parsed(lines[place] if several else data)
    if found is None:
        return swap_setting(data, rng)
    root = [found]
    _swap(root, rng)
    text = json.dumps(root[0], ensure_ascii=rng.random() < 0.5)
    for number, raw in enumerate(RAW):
        text = text.replace(json.dumps(f"{MARK}{number}{MARK}"), raw)
    changed = text.replace(json.dumps(MARK)[1:-1], "").encode("utf-8", "surrogatepass")
    return b"\n".join([*lines[:place], changed, *lines[place + 1 :], b""]) if several else changed


def _parsed(data: bytes) -> Any:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict | list) and found else None


def _swap(holder: Any, rng: random.Random) -> None:
    """Walk down from an object or list, and change something on the way."""
    stop = 0.05  # at the root: little is left to read of a file that holds something else altogether
    while True:
        key = rng.choice(list(holder)) if isinstance(holder, dict) else rng.randrange(len(holder))
        value = holder[key]
        if not (isinstance(value, dict | list) and value) or rng.random() < stop:
            break
        holder, stop = value, 0.3
    kind = rng.random()
    if kind < 0.15 and isinstance(holder, dict):
        del holder[key]
    elif kind < 0.25 and isinstance(holder, dict):
        holder[f"{key}{MARK}"] = odd(rng)  # the same key a second time
    elif kind < 0.3 and isinstance(holder, dict):
        holder[rng.choice(("", "x", "a\0b", "../x", "\n", "constructor", "9" * 300))] = holder.pop(key)
    elif kind < 0.4 and isinstance(holder, list):
        holder.extend([value] * rng.choice((1, 2, 1000)))
    elif kind < 0.5:
        holder[key] = rng.choice([[value], {"x": value}, str(value)[:1000], {}])
    else:
        holder[key] = odd(rng)


def odd(rng: random.Random) -> Any:
    """A value that nobody would write."""
    kind = rng.random()
    if kind < 0.25:
        return f"{MARK}{rng.randrange(len(RAW))}{MARK}"
    if kind < 0.3:
        value: Any = 0
        for _ in range(rng.choice(NESTED)):
            value = [value] if rng.random() < 0.5 else {"a": value}
        return value
    return rng.choice(ODD)


def swap_setting(data: bytes, rng: random.Random) -> bytes:
    """YAML in which a key has another value, or is there twice."""
    lines = data.split(b"\n")
    settings = [at for at, line in enumerate(lines) if b": " in line]
    if not settings:
        return data + rng.choice(SETTINGS).encode()
    at = rng.choice(settings)
    changed = lines[at].partition(b": ")[0] + b": " + rng.choice(SETTINGS).encode("utf-8", "surrogatepass")
    return b"\n".join([*lines[:at], *([lines[at]] if rng.random() < 0.2 else []), changed, *lines[at + 1 :]])


def swap_header(data: bytes, rng: random.Random) -> bytes:
    """Safetensors whose header, a JSON object behind its length, holds other values."""
    size = int.from_bytes(data[:8], "little")
    header = swap_value(data[8 : 8 + size], rng)
    length = rng.choice((2**63, 2**64 - 1, 2**40, 0)) if rng.random() < 0.05 else len(header)
    return struct.pack("<Q", length) + header + data[8 + size :]
