"""From what the user names to a checkpoint."""

from __future__ import annotations

import pickle
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from ovw.artifact import names
from ovw.artifact.download import Progress, download, ignore
from ovw.artifact.hashing import file_sha256
from ovw.artifact.hub_repository import REFERENCE
from ovw.convert.sources import ctranslate2, ggml, huggingface, openai
from ovw.convert.sources.checkpoint import Checkpoint
from ovw.convert.sources.hub import fetch_repository
from ovw.convert.sources.huggingface import read_huggingface
from ovw.convert.sources.identity import published_as
from ovw.convert.sources.openai import read_openai
from ovw.convert.sources.random import random_checkpoint
from ovw.convert.sources.wheel import find_wheels, read_wheels
from ovw.errors import DAMAGE, OvwError, UsageError, did_you_mean, reason
from ovw.home import user_path, weights_dir, whisper_cache
from ovw.hub import SCHEME
from ovw.models import ModelInfo, aliases, sizes
from ovw.network import LARGEST
from ovw.text_files import require_file

T = TypeVar("T")
FOLDERS = "a Hugging Face folder has config.json and model.safetensors, a CTranslate2 folder model.bin and config.json"
FORMATS = [openai.FORMAT, ggml.FORMAT, ctranslate2.FORMAT, huggingface.FORMAT, huggingface.ADAPTER_FORMAT]
"""The formats that are read: a new one is a module with a `FORMAT` and an entry here. The first that matches reads."""
FILES = f"give {', '.join(row.form for row in FORMATS)} or hf:owner/name"
UNREADABLE = (*DAMAGE, struct.error, pickle.UnpicklingError)


def load_checkpoint(
    info: ModelInfo | None,
    weights: str | None,
    *,
    offline: bool = False,
    on_progress: Progress = ignore,
) -> Checkpoint:
    """Load the weights that were asked for and prove them whole.

    Args:
        info: the size; `None` for whatever the weights turn out to be.
        weights: `random`, a file, a folder or `hf:owner/name`; by default what the size offers.
        offline: open no connection.
        on_progress: of a download, in bytes.

    Raises:
        OvwError: weights missing, damaged, or of another size than asked for.
    """
    checkpoint = _load(info, weights, offline, on_progress)
    if weights != "random":  # those are as they should be, and stay in their file
        with _explained(checkpoint.reference):
            checkpoint = checkpoint.checked()
    if info is not None:
        _check_size(checkpoint, info)
    known = info or published_as(checkpoint)
    if known is None:
        return checkpoint
    heads = checkpoint.alignment_heads or known.alignment_heads
    return replace(checkpoint, alignment_heads=heads, capabilities=known.capabilities)


def _check_size(checkpoint: Checkpoint, info: ModelInfo) -> None:
    """Refuse another size than the one that was asked for, and a package that does not hold OpenAI's weights."""
    if checkpoint.dims != info.dims:
        own, wanted = checkpoint.dims.as_dict(), info.dims.as_dict()
        other = [name for name in own if own[name] != wanted[name]]
        mine, theirs = ({name: dims[name] for name in other} for dims in (own, wanted))
        fitting = [f"give --size {name}" for name, known in sizes().items() if known.dims == checkpoint.dims]
        raise OvwError(
            f"{checkpoint.reference} has dimensions {mine}, {info.name} has {theirs}",
            " or ".join([*fitting, "leave out --size to take the weights as they are"]),
        )
    pinned = info.sources.tensors_sha256 if checkpoint.kind == "wheel" else None
    if pinned and checkpoint.tensors_sha256 != pinned:
        found = checkpoint.tensors_sha256
        raise OvwError(
            f"{checkpoint.reference} does not hold OpenAI's {info.name}: tensors SHA-256 {found}, expected {pinned}",
            "install the package again",
        )


def _load(info: ModelInfo | None, weights: str | None, offline: bool, on_progress: Progress) -> Checkpoint:
    if weights == "random":
        assert info is not None  # the configuration has seen to that
        return random_checkpoint(info.dims, weights_dir())
    if weights is None:
        assert info is not None
        return _of_size(info, offline, on_progress)
    if weights.startswith(SCHEME):
        return _of_hub(weights, offline, on_progress)
    path = user_path(weights)
    if path.is_dir() or path.is_file():
        return _of_path(path)
    hint = f"{FILES}; or --size: {did_you_mean(weights, [*sizes(), *aliases()])}"
    if REFERENCE.fullmatch(SCHEME + weights):
        hint = f"{SCHEME}{weights} if that is a repository of the hub; else {hint}"
    raise UsageError(f"no weights '{weights}': no such file or folder, and no such size", hint)


def _of_hub(reference: str, offline: bool, on_progress: Progress) -> Checkpoint:
    with _explained(reference):
        folder = fetch_repository(reference, offline=offline, on_progress=on_progress)
    return _read(folder, lambda path: read_huggingface(path, reference))


def _of_path(path: Path) -> Checkpoint:
    with _explained(str(path)):
        for file in path.iterdir() if path.is_dir() else (path,):
            if file.is_file():
                require_file(file, LARGEST)
    for row in FORMATS:
        if _read(path, row.matches):
            return _read(path, row.read)
    if path.is_file():
        hint = f"give the folder that it is in: {FOLDERS}" if (path.parent / names.CONFIG).is_file() else FILES
        raise UsageError(f"{path} is not a format ovw reads", hint)
    seen = ", ".join(sorted(p.name for p in path.iterdir())[:6]) or "nothing"
    raise UsageError(f"{path} holds no weights: {seen}", FOLDERS)


def _read(path: Path, reader: Callable[[Path], T]) -> T:
    with _explained(str(path)):
        return reader(path)


@contextmanager
def _explained(what: str) -> Iterator[None]:
    """Report damage in one line that names the file; the original error stays its cause.

    Raises:
        OvwError: instead of whatever damaged data led to.
    """
    try:
        yield
    except UNREADABLE as error:
        raise OvwError(f"{what} cannot be read: {reason(error)}", "it is damaged, or of another kind") from error


def _of_size(info: ModelInfo, offline: bool, on_progress: Progress) -> Checkpoint:
    """A size's own weights: downloaded earlier by ovw or openai-whisper, installed as packages, or fetched now."""
    sources = info.sources
    cached = weights_dir() / f"{info.name}.pt"
    found = file_sha256(cached) if cached.is_file() else None
    if found and sources.sha256 in (found, None):
        return _read(cached, lambda path: read_openai(path, found))
    if other := _of_openai_whisper(info):
        return _read(other, lambda path: read_openai(path, sources.sha256))
    if wheels := find_wheels(info):
        with _explained(f"the weights package {' + '.join(wheels)}"):
            return read_wheels(wheels)
    if sources.openai and not offline:
        path = download(sources.openai, cached, sources.sha256, on_progress, otherwise=_package(info))
        return _read(path, lambda path: read_openai(path, sources.sha256))
    if not sources.openai:
        return _of_hub(f"{SCHEME}{sources.huggingface}", offline, on_progress)
    if found:
        raise OvwError(f"{cached} has SHA-256 {found}, expected {sources.sha256}", ways_to_get(info))
    raise OvwError(f"no weights for {info.name} on this machine", ways_to_get(info))


def _of_openai_whisper(info: ModelInfo) -> Path | None:
    """The file in openai-whisper's cache, if it is the published one."""
    sources = info.sources
    if not sources.openai or not sources.sha256:
        return None
    found = whisper_cache() / sources.openai.rpartition("/")[2]
    return found if found.is_file() and file_sha256(found) == sources.sha256 else None


def _package(info: ModelInfo) -> str:
    """The command that installs a size's weights from a package index, if one has them."""
    return f"pip install 'ovw[{info.sources.extra}]'" if info.sources.extra else ""


def ways_to_get(info: ModelInfo) -> str:
    """Every way to come by a size's weights, in one line."""
    sources = info.sources
    ways = []
    if package := _package(info):
        ways.append(package)
    if sources.openai:
        ways.append(f"fetch {sources.openai} to {weights_dir() / info.name}.pt (ovw does, unless --offline)")
    ways.append(f"--weights hf:{sources.huggingface}")
    ways.append(f"--weights with {', '.join(row.form for row in FORMATS)}")
    ways.append("--weights random for shape and speed work")
    return "; ".join(ways)
