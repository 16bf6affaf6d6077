"""The models behind the cases: their files and hashes, and the devices they are to run on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from ovw.artifact.locate import identity_sha256, is_model, load_manifest
from ovw.benchmark.case import CaseSpec
from ovw.record import Artifact, describe_artifact
from ovw.runtime.device import DeviceOptions, require_device

WEIGHTS = (".bin", ".pt", ".onnx", ".data")
"""Endings of the files that hold weights."""


def require_devices(devices: Sequence[str]) -> None:
    """Refuse a device that this machine does not have, before any work.

    Raises:
        UsageError: with those that it has.
    """
    for device in devices:
        require_device(DeviceOptions(device=device))


def subjects_of(cases: Iterable[CaseSpec]) -> dict[str, str]:
    """A hash for each model: of an artifact's manifest, or of the sizes of other files."""
    return {case.model: _digest(Path(case.model)) for case in cases}


def artifacts_of(cases: Iterable[CaseSpec]) -> dict[str, Artifact]:
    """Descriptions for a record of the models that are artifacts, by path."""
    found = {}
    for folder in {Path(case.model) for case in cases}:
        if is_model(folder):
            found[str(folder)] = describe_artifact(folder, load_manifest(folder), identity_sha256(folder))
    return found


def weights_mb(model: str) -> float | None:
    """Megabytes of a model's weights on disk; `None` for a name."""
    path = Path(model)
    files = path.iterdir() if path.is_dir() else [path] if path.is_file() else []
    sizes = [f.stat().st_size for f in files if f.suffix in WEIGHTS and "tokenizer" not in f.name]
    return sum(sizes) / 1e6 if sizes else None


def _digest(model: Path) -> str:
    if is_model(model):
        return identity_sha256(model)
    files = sorted(model.rglob("*")) if model.is_dir() else [model] if model.is_file() else []
    return " ".join(f"{path.name}:{path.stat().st_size}" for path in files if path.is_file())
