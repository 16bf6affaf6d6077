"""Parts of a conversion that come to the same every time are computed once a run."""

from __future__ import annotations

import hashlib
import shutil
from functools import cache, wraps
from pathlib import Path
from typing import Any

import pytest
from support.shared import once
from support.tiny_whisper import TINY

from ovw.artifact import names
from ovw.artifact.arithmetic import Arithmetic
from ovw.convert import pipeline
from ovw.convert.arithmetic import measure_arithmetic
from ovw.convert.layouts import genai
from ovw.convert.tokenizer import build_tokenizer_json, write_tokenizer_ir
from ovw.models import Dims


def cheaper_conversions(patch: pytest.MonkeyPatch) -> None:
    """Tokenizers are made once for each vocabulary; approximations are not measured on random weights.

    Together that is nine tenths of the conversion of a tiny model. The weights packages are measured as always.
    """
    patch.setattr(genai, "build_tokenizer_json", cache(build_tokenizer_json))
    patch.setattr(genai, "write_tokenizer_ir", _copy_tokenizer_ir)
    patch.setattr(pipeline, "measure_arithmetic", _measure_arithmetic)


def _copy_tokenizer_ir(folder: Path, ends: dict[str, str]) -> None:
    tokenizer = (folder / names.TOKENIZER).read_bytes()

    def make(made: Path) -> list[Path]:
        (made / names.TOKENIZER).write_bytes(tokenizer)
        write_tokenizer_ir(made, ends)
        return [path for path in made.iterdir() if path.name != names.TOKENIZER]

    known = hashlib.sha256(tokenizer + repr(sorted(ends.items())).encode()).hexdigest()
    for path in once(f"tokenizer-{known}", make):
        shutil.copyfile(path, folder / path.name)


@wraps(measure_arithmetic)
def _measure_arithmetic(*args: Any, approximations: bool) -> Arithmetic:
    """Random weights say nothing about approximations, in files of any format."""
    dims: Dims = args[-1]
    return measure_arithmetic(*args, approximations=approximations and dims.n_audio_state > TINY.n_audio_state)
