"""Parts of a conversion that come to the same every time are computed once a run."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, wraps
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer as BpeTokenizer

from ovw.artifact import names
from ovw.artifact.arithmetic import Arithmetic
from ovw.convert import arithmetic, builder
from ovw.convert.arithmetic import measure_arithmetic
from ovw.convert.layouts import genai
from ovw.convert.tokenizer import build_tokenizer_json
from ovw.convert.tokenizer_files import write_tokenizer_ir
from ovw.transcribe import tokenizer
from support.shared import once

NOT_OF_THE_GRAPH = re.compile(rb"<rt_info>(?:(?!<rt_info>).)*</rt_info>\s*</net>|_\d+(?=[\",_])", re.DOTALL)
"""Parts of an IR's text that are not its graph: name and versions at its end, and the numbers of nodes without a name."""
_measured = ContextVar("measured", default=False)


def cheaper_conversions(replace: Callable[[object, str, object], None]) -> None:
    """Tokenizers are made once for each vocabulary, and read once a process; batches are measured once for each graph;
    approximations are measured only where that is asked for.

    Together that is nine tenths of the conversion of a tiny model.
    """
    replace(genai, "build_tokenizer_json", cache(build_tokenizer_json))
    replace(genai, "write_tokenizer_ir", _copy_tokenizer_ir)
    replace(genai, "BpeTokenizer", _ReadOnce)
    replace(tokenizer, "BpeTokenizer", _ReadOnce)
    replace(builder, "measure_arithmetic", _measure_arithmetic)


@contextmanager
def measured_approximations() -> Iterator[None]:
    """Conversions measure the approximations, as they do for users."""
    before = _measured.set(True)
    try:
        yield
    finally:
        _measured.reset(before)


@wraps(measure_arithmetic)
def _measure_arithmetic(folder: Path, *args: Any, approximations: bool) -> Arithmetic:
    if approximations and _measured.get():
        return measure_arithmetic(folder, *args, approximations=True)
    arithmetic.require_batch_axis(folder)
    known = hashlib.sha256(repr(args).encode())
    for path in sorted(folder.iterdir()):
        if path.is_file():
            known.update(NOT_OF_THE_GRAPH.sub(b"", path.read_bytes()) if path.suffix == ".xml" else path.read_bytes())
    return once(f"arithmetic-{known.hexdigest()}", lambda _: measure_arithmetic(folder, *args, approximations=False))


class _ReadOnce:
    """`tokenizers.Tokenizer`, but that equal files and texts are parsed once; nobody changes what they give."""

    @staticmethod
    def from_file(path: str) -> BpeTokenizer:
        return _parsed(Path(path).read_text(encoding="utf-8"))

    @staticmethod
    def from_str(text: str) -> BpeTokenizer:
        return _parsed(text)


@cache
def _parsed(text: str) -> BpeTokenizer:
    return BpeTokenizer.from_str(text)


def _copy_tokenizer_ir(folder: Path, ends: dict[str, str]) -> None:
    vocabulary = (folder / names.TOKENIZER).read_bytes()

    def make(made: Path) -> list[Path]:
        (made / names.TOKENIZER).write_bytes(vocabulary)
        write_tokenizer_ir(made, ends)
        return [path for path in made.iterdir() if path.name != names.TOKENIZER]

    known = hashlib.sha256(vocabulary + repr(sorted(ends.items())).encode()).hexdigest()
    for path in once(f"tokenizer-{known}", make):
        shutil.copyfile(path, folder / path.name)
