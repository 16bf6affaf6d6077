"""Weights that are installed as a Python package: found through its metadata, never imported."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from ovw.artifact import names
from ovw.convert.sources.checkpoint import Checkpoint
from ovw.convert.sources.ctranslate2 import from_parts
from ovw.errors import OvwError
from ovw.models import ModelInfo

MODEL_FILE = re.compile(r"model\.bin(\.part(\d+))?")


def find_wheels(info: ModelInfo) -> tuple[str, ...] | None:
    """The first set of weights packages of a size that is installed, in the exact versions; `None` if there is none."""
    return next((wheels for wheels in info.sources.wheels if all(map(_installed, wheels))), None)


def read_wheels(wheels: Sequence[str]) -> Checkpoint:
    """Read a CTranslate2 model that is spread over installed packages.

    Args:
        wheels: requirements such as `name==1.0.0`, the parts of `model.bin` in order.

    Raises:
        OvwError: a package whose files are gone.
    """
    files = [path for wheel in wheels for path in _data_files(wheel)]
    parts = sorted((p for p in files if MODEL_FILE.fullmatch(p.name)), key=_part_number)
    folder = next((p.parent for p in files if p.name == names.CONFIG), None)
    if folder is None or not parts or not all(p.is_file() for p in files):
        packages = " ".join(wheels)
        raise OvwError(
            f"the weights package {packages} is installed, but its files are gone",
            f"pip install --force-reinstall --no-deps {packages}",
        )
    return from_parts(parts, folder, "wheel", " + ".join(wheels))


def _installed(wheel: str) -> bool:
    name, _, version = wheel.partition("==")
    try:
        return metadata.version(name) == version
    except metadata.PackageNotFoundError:
        return False


def _data_files(wheel: str) -> list[Path]:
    listed = metadata.files(wheel.partition("==")[0]) or []
    return [
        Path(str(path.locate())) for path in listed if path.suffix != ".py" and path.parent.name in ("data", "model")
    ]


def _part_number(path: Path) -> int:
    match = MODEL_FILE.fullmatch(path.name)
    return int(match[2] or 0) if match else 0
