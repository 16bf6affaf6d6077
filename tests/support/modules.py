"""The project's own modules, by their installed names; read and parsed once."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@cache
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


@cache
def text_of(name: str) -> str:
    return modules()[name].read_text(encoding="utf-8")


@cache
def nodes_of(name: str) -> list[ast.AST]:
    """Everything in a module's syntax tree."""
    return list(ast.walk(ast.parse(text_of(name))))


@cache
def imports_of(name: str) -> frozenset[str]:
    """The modules that a module imports, anywhere in it."""
    found = set()
    for node in nodes_of(name):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return frozenset(found)
