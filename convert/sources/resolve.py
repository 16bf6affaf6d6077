"""From what the user names to a checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ovw.convert.sources.checkpoint import Checkpoint, tensors_sha256
from ovw.convert.sources.ctranslate2 import read_ctranslate2
from ovw.convert.sources.download import download
from ovw.convert.sources.openai import read_openai
from ovw.convert.sources.random import random_checkpoint
from ovw.convert.sources.wheel import find_wheels, read_wheels
from ovw.errors import OvwError, UsageError
from ovw.home import weights_dir
from ovw.models import ModelInfo, find_size

Progress = Callable[[int, int], None]


def load_checkpoint(
    info: ModelInfo | None,
    weights: str | None,
    *,
    offline: bool = False,
    on_progress: Progress = lambda done, total: None,
) -> Checkpoint:
    """Load the weights that were asked for and prove them whole.

    Args:
        info: the size; `None` for whatever the weights turn out to be.
        weights: `random`, an OpenAI name, a `.pt` file or a CTranslate2 folder; by default what the size offers.
        offline: open no connection.
        on_progress: of a download, in bytes.

    Raises:
        OvwError: weights missing, damaged, or of another size than asked for.
    """
    checkpoint = _load(info, weights, offline, on_progress).checked()
    if info is None:
        return checkpoint
    if checkpoint.dims != info.dims:
        raise OvwError(
            f"{checkpoint.reference} has dimensions {checkpoint.dims.as_dict()}, {info.name} has {info.dims.as_dict()}",
            "leave out --size to take the weights as they are",
        )
    pinned = info.sources.tensors_sha256 if checkpoint.kind == "wheel" else None
    if pinned and (found := tensors_sha256(checkpoint.tensors)) != pinned:
        raise OvwError(
            f"{checkpoint.reference} does not hold OpenAI's {info.name}: tensors SHA-256 {found}, expected {pinned}",
            "install the package again",
        )
    heads = checkpoint.alignment_heads or info.alignment_heads
    return replace(checkpoint, alignment_heads=heads)


def _load(info: ModelInfo | None, weights: str | None, offline: bool, on_progress: Progress) -> Checkpoint:
    if weights == "random":
        assert info is not None  # the configuration has seen to that
        return random_checkpoint(info.dims)
    if weights is None:
        assert info is not None
        return _of_size(info, offline, on_progress)
    return _of_reference(weights, offline, on_progress)


def _of_reference(weights: str, offline: bool, on_progress: Progress) -> Checkpoint:
    path = Path(weights).expanduser()
    if path.is_dir():
        if (path / "model.bin").is_file():
            return read_ctranslate2(path)
        seen = ", ".join(sorted(p.name for p in path.iterdir())[:6]) or "nothing"
        raise UsageError(f"{weights} holds no weights: {seen}", "a CTranslate2 folder has model.bin and config.json")
    if path.is_file():
        if path.suffix == ".pt":
            return read_openai(path)
        raise UsageError(f"{weights} is not a format ovw reads", "give a .pt file or a CTranslate2 folder")
    try:
        info = find_size(weights)
    except UsageError as error:
        message = f"no weights '{weights}': no such file or folder, and no such size"
        raise UsageError(message, error.hint) from None
    return _of_size(info, offline, on_progress)


def _of_size(info: ModelInfo, offline: bool, on_progress: Progress) -> Checkpoint:
    """A size's own weights: downloaded earlier, installed as packages, or fetched now."""
    sources = info.sources
    cached = weights_dir() / f"{info.name}.pt"
    if cached.is_file():
        return _of_cache(info, cached, offline, on_progress)
    if wheels := find_wheels(info):
        return read_wheels(wheels)
    if sources.openai and not offline:
        return read_openai(download(sources.openai, cached, sources.sha256, on_progress), sources.sha256)
    raise OvwError(f"no weights for {info.name} on this machine", ways_to_get(info))


def _of_cache(info: ModelInfo, cached: Path, offline: bool, on_progress: Progress) -> Checkpoint:
    sources = info.sources
    if offline or not sources.openai:
        checkpoint = read_openai(cached)
        if sources.sha256 and checkpoint.sha256 != sources.sha256:
            raise OvwError(f"{cached} has SHA-256 {checkpoint.sha256}, expected {sources.sha256}", ways_to_get(info))
        return checkpoint
    return read_openai(download(sources.openai, cached, sources.sha256, on_progress), sources.sha256)


def ways_to_get(info: ModelInfo) -> str:
    """Every way to come by a size's weights, in one line."""
    sources = info.sources
    ways = []
    if sources.extra:
        ways.append(f"pip install 'ovw[{sources.extra}]'")
    if sources.openai:
        ways.append(f"fetch {sources.openai} to {weights_dir() / info.name}.pt (ovw does, unless --offline)")
    ways.append("--weights with a .pt file or a CTranslate2 folder")
    ways.append("--weights random for shape and speed work")
    return "; ".join(ways)
