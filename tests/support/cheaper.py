"""Parts of a conversion that come to the same every time are computed once a run."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, wraps
from pathlib import Path
from typing import Any

from ovw.artifact import names
from ovw.artifact.arithmetic import Arithmetic
from ovw.convert import pipeline
from ovw.convert.arithmetic import measure_arithmetic
from ovw.convert.layouts import genai
from ovw.convert.tokenizer import build_tokenizer_json, write_tokenizer_ir
from support.shared import once

_measured = ContextVar("measured", default=False)


def cheaper_conversions(replace: Callable[[object, str, object], None]) -> None:
    """Tokenizers are made once for each vocabulary; approximations are measured only where that is asked for.

    Together that is nine tenths of the conversion of a tiny model.
    """
    replace(genai, "build_tokenizer_json", cache(build_tokenizer_json))
    replace(genai, "write_tokenizer_ir", _copy_tokenizer_ir)
    replace(pipeline, "measure_arithmetic", _measure_arithmetic)


@contextmanager
def measured_approximations() -> Iterator[None]:
    """Conversions measure the approximations, as they do for users."""
    before = _measured.set(True)
    try:
        yield
    finally:
        _measured.reset(before)


@wraps(measure_arithmetic)
def _measure_arithmetic(*args: Any, approximations: bool, **more: Any) -> Arithmetic:
    return measure_arithmetic(*args, approximations=approximations and _measured.get(), **more)


def _copy_tokenizer_ir(folder: Path, ends: dict[str, str]) -> None:
    tokenizer = (folder / names.TOKENIZER).read_bytes()

    def make(made: Path) -> list[Path]:
        (made / names.TOKENIZER).write_bytes(tokenizer)
        write_tokenizer_ir(made, ends)
        return [path for path in made.iterdir() if path.name != names.TOKENIZER]

    known = hashlib.sha256(tokenizer + repr(sorted(ends.items())).encode()).hexdigest()
    for path in once(f"tokenizer-{known}", make):
        shutil.copyfile(path, folder / path.name)
