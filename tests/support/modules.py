"""The project's own modules, by their installed names."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def modules() -> dict[str, Path]:
    found = {}
    for folder, package in (
        ("ovw", "ovw"),
        ("convert", "ovw.convert"),
        ("benchmark", "ovw.benchmark"),
        ("evaluate", "ovw.evaluate"),
        ("configs", "ovw.configs"),
    ):
        for path in (ROOT / folder).rglob("*.py"):
            parts = path.relative_to(ROOT / folder).with_suffix("").parts
            found[".".join([package, *(p for p in parts if p != "__init__")])] = path
    return found
