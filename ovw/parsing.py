"""JSON and YAML: of others with limits on size, depth and aliases, and `ValueError` for all that is wrong; our own."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from ovw.errors import OvwError, quoted, reason
from ovw.text_files import read_text, require_file

FETCH_AGAIN = "fetch the folder again"
DEPTH = 64
"""Levels of brackets; no format that ovw reads has more than ten."""
NUMBERS, TEXT = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float"), "tag:yaml.org,2002:str"
MERGE = "tag:yaml.org,2002:merge"
"""The tag of the key `<<`, which may be there several times."""
YAML_BYTES = 1 << 20
YAML_NODES = 100_000
"""Values of a YAML document with its aliases written out."""


def from_json(text: str | bytes) -> Any:
    """The contents of a JSON text.

    Raises:
        ValueError: not JSON, nested more than `DEPTH` deep, or with half of a character (a lone surrogate), which could
            not be written anywhere.
    """
    try:
        data = json.loads(text)
        if isinstance(text, bytes):
            text = text.decode(json.detect_encoding(text))
        if text.count("[") + text.count("{") > DEPTH:
            _check_depth(data)
        if "\\u" in text:
            json.dumps(data, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError(f"nested more than {DEPTH} deep") from None
    except UnicodeEncodeError:
        raise ValueError("holds half of a character, a surrogate without its partner") from None
    return data


def load_json(path: Path) -> Any:
    """The contents of a JSON file in UTF-8.

    Raises:
        OSError: it cannot be read, or is more than `require_file` allows.
        ValueError: as `from_json`.
    """
    require_file(path)
    return from_json(path.read_text(encoding="utf-8"))


def load_object(path: Path, hint: str = FETCH_AGAIN) -> dict[str, Any]:
    """The object in a JSON file of another program, in any encoding that `read_text` knows.

    Args:
        path: of the file.
        hint: what to do where it cannot be read.

    Raises:
        OvwError: no such file, not JSON, or not an object.
    """
    try:
        data = from_json(read_text(path))
    except (OSError, ValueError) as error:
        raise OvwError(f"{path} cannot be read: {reason(error)}", hint) from error
    if not isinstance(data, dict):
        raise OvwError(f"{path} holds a {type(data).__name__}, expected an object", hint)
    return data


def _check_depth(data: Any) -> None:
    level: list[Any] = [data]
    for _ in range(DEPTH + 1):
        level = [child for item in level for child in _children(item) if isinstance(child, dict | list)]
        if not level:
            return
    raise ValueError(f"nested more than {DEPTH} deep")


def _children(item: Any) -> Iterable[Any]:
    if isinstance(item, dict):
        return item.values()
    return item if isinstance(item, list) else ()


def from_yaml(text: str) -> Any:
    """The contents of a YAML text, plain values only.

    Raises:
        ValueError: not YAML, longer than `YAML_BYTES`, nested more than `DEPTH` deep, a key that is there twice, or
            more than `YAML_NODES` values once its aliases are written out.
    """
    if len(text) > YAML_BYTES:
        raise ValueError(f"{len(text)} characters, a configuration has at most {YAML_BYTES}")
    try:
        loader = yaml.SafeLoader(text)
    except yaml.YAMLError as error:  # a character that YAML does not allow
        raise ValueError(" ".join(str(error).split())) from None
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        _check_yaml(node)
        return loader.construct_document(node)
    except RecursionError:
        raise ValueError(f"nested more than {DEPTH} deep") from None
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from None
    except (TypeError, AttributeError, OverflowError) as error:  # a key that is a list, a date with a wrong zone
        raise ValueError(f"a value that cannot be: {error}") from None
    finally:
        loader.dispose()


def _check_yaml(root: yaml.Node) -> None:
    """Refuse keys that are there twice, and what would grow beyond bounds when its aliases are written out.

    Numbers to the base 60 become text.
    """
    sizes: dict[yaml.Node, int] = {}

    def size(node: yaml.Node, depth: int) -> int:
        if depth > DEPTH:  # an alias of what it stands in has no end either
            raise ValueError(f"nested more than {DEPTH} deep")
        if node.tag in NUMBERS and ":" in node.value:  # YAML 1.1 reads 1:5 as 65
            node.tag = TEXT
        if node not in sizes:
            if isinstance(node, yaml.MappingNode):
                _check_keys(node)
            pairs = node.value if isinstance(node, yaml.CollectionNode) else []
            parts = [part for pair in pairs for part in (pair if isinstance(pair, tuple) else (pair,))]
            sizes[node] = 1 + sum(size(part, depth + 1) for part in parts)
        if sizes[node] > YAML_NODES:
            raise ValueError(f"aliases that make more than {YAML_NODES} values")
        return sizes[node]

    size(root, 0)


def _check_keys(mapping: yaml.MappingNode) -> None:
    """Refuse a key that is there twice, of which PyYAML would take the last."""
    seen: set[tuple[str, str]] = set()
    for key in (key for key, _ in mapping.value if isinstance(key, yaml.ScalarNode) and key.tag != MERGE):
        if (key.tag, key.value) in seen:
            raise ValueError(f"the key {quoted(key.value)} is there again in line {key.start_mark.line + 1}")
        seen.add((key.tag, key.value))


@cache
def own_yaml(name: str) -> dict[str, Any]:
    """A file of `ovw.configs`, read by libyaml where PyYAML has it: at the start of a process that counts."""
    text = files("ovw.configs").joinpath(name).read_text(encoding="utf-8")
    loader = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
    loaded: dict[str, Any] = yaml.load(text, loader)  # noqa: S506, safe both
    return loaded
